"""The French of what commands show: texts by their English, nouns, and names of columns and values."""

from collections.abc import Mapping

NOUNS: Mapping[str, tuple[str, str]] = {
    "row": ("ligne", "lignes"),
    "run": ("analyse", "analyses"),
    "census": ("recensement", "recensements"),
    "derived table": ("table dérivée", "tables dérivées"),
    "removal": ("suppression", "suppressions"),
    "article": ("article", "articles"),
    "document": ("document", "documents"),
    "known host": ("site connu", "sites connus"),
    "page": ("page", "pages"),
    "claim": ("réclamation", "réclamations"),
    "match": ("résultat", "résultats"),
    "title": ("titre", "titres"),
    "publisher": ("éditeur", "éditeurs"),
    "pair": ("paire", "paires"),
    "place": ("lieu", "lieux"),
    "probe": ("interrogation", "interrogations"),
    "other reason": ("autre motif", "autres motifs"),
    "fault": ("défaut", "défauts"),
    "file": ("fichier", "fichiers"),
}
"""Singular and plural."""

TEXTS: Mapping[str, str] = {
    # Exports and `sql`.
    "{rows} in {file}": "{rows} dans {file}",
    "{rows} in {file}, by {engine}": "{rows} dans {file}, par {engine}",
    "{rows}, by {engine}": "{rows}, par {engine}",
    "more than {rows} rows: add a limit, or use --json": (
        "plus de {rows} lignes : ajoutez une limite, ou utilisez --json"
    ),
    "written to {folder}": "écrit dans {folder}",
    # `matches`.
    "{rows}: {articles} in {documents} on {hosts}": "{rows} : {articles} dans {documents} sur {hosts}",
    "rows by site: {where}": "lignes par lieu : {where}",
    "the host is not known of {rows}": "le site n'est pas connu pour {rows}",
    "left out, as nobody knows whether they are wanted: {rows}": (
        "laissé de côté, faute de savoir si la demande s'y applique : {rows}"
    ),
    "{rows} without a date of capture": "{rows} sans date d'enregistrement",
    "{rows} without a known host": "{rows} sans site connu",
    "{rows} without a known release": "{rows} sans livraison connue",
    "shown: {rows}, by {order}; for more, see --limit, --export": (
        "affiché : {rows}, par {order} ; pour en voir plus : --limit, --export"
    ),
    "found by {runs}: {names}": "trouvé par {runs} : {names}",
    "letters and reasons are those of the claims; a row without a claim has its own": (
        "lettres et motifs sont ceux des réclamations ; une ligne sans réclamation garde les siens"
    ),
    "own site": "site propre",
    "elsewhere": "ailleurs",
    "unknown": "inconnu",
    "article {id}": "article {id}",
    "no text of an article": "aucun texte d'article",
    "weight": "force",
    "date": "date",
    "host": "site",
    "title": "titre",
    "shard": "fichier",
    # `runs`.
    "{runs} not finished": "{runs} sans fin",
    "language gate: {gated} documents left out, {audited} of them read as an audit, {matching} with matches;"
    " so it cost {cost} documents with matches (95 %: {low} to {high})": (
        "filtre de langues : {gated} documents laissés de côté, dont {audited} lus comme contrôle,"
        " {matching} avec des correspondances ; il a donc coûté {cost} documents avec des correspondances"
        " (95 % : de {low} à {high})"
    ),
    "language gate: {gated} documents left out, none of them read as an audit: what it cost is not known": (
        "filtre de langues : {gated} documents laissés de côté, dont aucun lu comme contrôle : on ne sait pas"
        " ce qu’il a coûté"
    ),
    "not shown in {width} columns: {names} (--json has all)": (
        "non affiché en {width} colonnes : {names} (--json donne tout)"
    ),
    "all {planned}": "les\u00a0{planned}",
    "{complete} of {planned}": "{complete} sur {planned}",
    # `estimate`.
    "run {run}: {read} of {listed} shards read to their end, drawn in {strata} segments or folders; totals of"
    " all {listed} within limits of 95 %": (
        "analyse {run} : {read} fichiers sur {listed} lus jusqu'au bout, tirés au sort dans {strata} segments"
        " ou dossiers ; totaux des {listed} fichiers, avec bornes à 95\u202f%"
    ),
    "fewer than {enough} shards were read: where few shards of the release hold most of a total, its limits"
    " are less sure": (
        "moins de {enough} fichiers ont été lus : si quelques fichiers portent l'essentiel d'un total, ses"
        " bornes sont moins sûres"
    ),
    "{missing} drawn shards were not read to their end: the limits allow for anything from nothing to twice"
    " what the others hold": (
        "{missing} fichiers tirés au sort n'ont pas été lus jusqu'au bout : les bornes admettent qu'ils ne"
        " contiennent rien, ou jusqu'au double des autres"
    ),
    "{named} in the sample; of others nothing can be said": (
        "{named} dans l'échantillon ; des autres, rien ne peut être dit"
    ),
    # `claims`.
    "each page, article, text and host counts once, where its strongest row does": (
        "chaque page, article, texte et site compte une fois, avec sa ligne la plus forte"
    ),
    "{claims}, by {engine}; elsewhere {a} of A and {b} of B": (
        "{claims}, par {engine} ; ailleurs : {a} en A et {b} en B"
    ),
    "table digest {digest}": "empreinte de la table : {digest}",
    # `evidence`.
    "{claims} sealed in {bag}": "{claims} scellées dans {bag}",
    "left out, as they are licensed: {claims}": "laissé de côté, car sous licence : {claims}",
    "claims root: {root}": "racine des réclamations : {root}",
    "bag root:    {root}": "racine du dossier :       {root}",
    "{rows} did not verify: {reason}": "{rows} sans confirmation : {reason}",
    "run {run} was made with another corpus than this one": (
        "l'analyse {run} a été faite avec un autre corpus que celui-ci"
    ),
    "no time-stamp of {url}: {why}": "pas d'horodatage de {url} : {why}",
    "{faults}: this is not what was sealed": "{faults} : ce n'est pas ce qui a été scellé",
    "all of it is as it was sealed": "tout est tel qu'au scellement",
    "{verified} of {drawn} drawn rows verify; the bag has {rows}": (
        "{verified} lignes tirées sur {drawn} sont confirmées ; le dossier en a {rows}"
    ),
    "{rows} asked of {site}": "{rows} demandées à {site}",
    "this disk": "ce disque",
    "{rows} could not be read: they count as false": "{rows} sans lecture possible : comptées comme fausses",
    "the words of articles were not compared: give --corpus": (
        "les mots des articles n'ont pas été comparés : donnez --corpus"
    ),
    "false rows: {most}% of all, as all were drawn": (
        "lignes fausses : {most}\u202f% du tout, car toutes ont été tirées"
    ),
    "false rows: at most {most}% of all, at a confidence of {share} (Clopper-Pearson)": (
        "lignes fausses : {most}\u202f% du tout au plus, à un niveau de confiance de {share}"
        " (Clopper-Pearson)"
    ),
    "row {row}, {files}, in {folder}": "ligne {row}, {files}, dans {folder}",
    # `datasets`.
    "?: not verified; for all that is known of one: presswatch datasets NAME": (
        "? : non vérifié ; pour tout savoir d'un jeu : presswatch datasets NOM"
    ),
    "(not verified)": "(non vérifié)",
    # `exposure`.
    "documents, quotations and the days on which they were read: --json, --export": (
        "documents, citations et jours de lecture : --json, --export"
    ),
    "no row is of a dataset that a publisher of a model says it trained on": (
        "aucune ligne ne vient d'un jeu sur lequel l'éditeur d'un modèle dit l'avoir entraîné"
    ),
    "{publisher} says that it trained {model} on {dataset}: {extent}{through}": (
        "{publisher} dit avoir entraîné {model} sur {dataset} : {extent}{through}"
    ),
    "rows of letters A to C count; what publishers say proves neither use of a text nor a wrong": (
        "les lignes de lettre A à C comptent ; ce que disent les éditeurs ne prouve ni l'usage d'un texte, ni"
        " une faute"
    ),
    "the dataset of run {run} is {dataset}, as you say": (
        "l'analyse {run} porte sur le jeu {dataset}, selon vous"
    ),
    "left out, as nobody says of which dataset they are: {rows} ({names}); see --dataset-of": (
        "laissé de côté, faute de savoir de quel jeu il s'agit : {rows} ({names}) ; voir --dataset-of"
    ),
    "not counted for models that were trained on some languages: {rows} without a language": (
        "non compté pour les modèles entraînés sur certaines langues : {rows} sans langue"
    ),
    "release unknown": "livraison inconnue",
    "yes": "oui",
    "no": "non",
    # `compare`.
    "found before; not there after, in shards that were read to their end": (
        "trouvé avant ; absent après, dans des fichiers lus jusqu'au bout"
    ),
    "found again, with fewer words of the article": "retrouvé, avec moins de mots de l'article",
    "found again, with other words of the article": "retrouvé, avec d'autres mots de l'article",
    "found again at another URL, in the very same text": "retrouvé à une autre adresse, dans le même texte",
    "found again, with the same words of the article": "retrouvé, avec les mêmes mots de l'article",
    "found after, and in no run before": "trouvé après, et dans aucune analyse avant",
    "found after and not before, but in an earlier run": (
        "trouvé après et non avant, mais dans une analyse antérieure"
    ),
    "not found after, but it may be there": "pas trouvé après, mais peut-être présent",
    "{pairs} of an article and a document, by {engine}": (
        "{pairs} d'un article et d'un document, par {engine}"
    ),
    "and {pairs} in doubt for {reasons}: see the column doubt": (
        "et {pairs} en doute pour {reasons} : voir la colonne doubt"
    ),
    "what is new, and in doubt, may have been there before": (
        "ce qui est nouveau, et en doute, était peut-être déjà là avant"
    ),
    # `rights`.
    "reserved before and after the capture": "droits réservés avant et après l'enregistrement",
    "reserved before it; after it nothing is known": "droits réservés avant ; après, rien n'est connu",
    "reserved after it; before it nothing is known": "droits réservés après ; avant, rien n'est connu",
    "reserved on one side of it, and not on the other; or captures of one moment differ": (
        "droits réservés d'un côté et non de l'autre ; ou des enregistrements du même instant se contredisent"
    ),
    "robots.txt lets it in, and nothing else reserves, as far as is known": (
        "robots.txt laisse entrer, et rien d'autre ne réserve, autant qu'on sache"
    ),
    "nothing was captured that tells, or it cannot be read": (
        "rien n'a été enregistré qui le dise, ou ce n'est pas lisible"
    ),
    "no match on a publisher's own site in WARC or WET": (
        "aucun résultat sur le site d'un éditeur, en WARC ou en WET"
    ),
    "{matches} on publishers' own sites, each for {agents} agents": (
        "{matches} sur les sites des éditeurs, chacun pour {agents} robots"
    ),
    "incomplete: {unread} of {planned} shards of responses were not read whole; what was declared there does"
    " not count": (
        "incomplet : {unread} fichiers de réponses sur {planned} n'ont pas été lus en entier ; ce qui y était"
        " déclaré ne compte pas"
    ),
    # `removal status`.
    "the text is there": "le texte est là",
    "the record has another text": "l'enregistrement a un autre texte",
    "the record has fewer of the article's words": "l'enregistrement a moins de mots de l'article",
    "the index has no entry, and the record reads": "l'index n'a plus d'entrée, et l'enregistrement se lit",
    "the text stands elsewhere in the file": "le texte se trouve ailleurs dans le fichier",
    "the record is there, without content": "l'enregistrement est là, sans contenu",
    "no record is at its place, and its neighbours read": (
        "aucun enregistrement n'est à sa place, et ses voisins se lisent"
    ),
    "the whole file was read, and it is not in it": "le fichier entier a été lu, et il ne s'y trouve pas",
    "the file was missing twice, a day apart": "le fichier manquait deux fois, à un jour d'écart",
    "an older revision serves it, the newest does not": "une version ancienne le sert, pas la plus récente",
    "access was refused, which removes nothing": "l'accès a été refusé, ce qui ne retire rien",
    "it was removed, and is there again": "il avait été retiré, et il est revenu",
    "a later capture of its URL has the article": "une capture plus tardive de son adresse a l'article",
    "nobody can say": "personne ne peut le dire",
    "undecided: {doubt}": "indécis : {doubt}",
    "alarm of round {round}: {kind}: {about}: {detail}": (
        "alerte du tour {round} : {kind} : {about} : {detail}"
    ),
    "chain: {probes}, the newest {newest}": "chaîne : {probes}, la dernière {newest}",
    "{removed} of {claims} removed, at every place": "retiré en tous lieux : {removed} sur {claims}",
}

NAMES: Mapping[str, str] = {
    # Columns of `matches`.
    "row": "ligne",
    "letter": "lettre",
    "words": "mots",
    "captured": "enregistré",
    "where": "où",
    "publisher": "éditeur",
    "host": "site",
    "headline": "titre",
    "reason": "motif",
    # Columns of `runs`, and what stands in them.
    "run_id": "analyse",
    "finished_at": "terminée",
    "dataset": "jeu",
    "release": "livraison",
    "sample": "échantillon",
    "shards_planned": "fichiers prévus",
    "shards_complete": "fichiers lus",
    "shards": "fichiers",
    "documents": "documents",
    "matches": "résultats",
    "captures": "enregistrements",
    "rows": "lignes",
    "table_digest": "empreinte",
    "under way": "en cours",
    "not finished": "interrompue",
    # Columns and measures of `estimate`.
    "in the release": "dans la livraison",
    "seen": "vu",
    "estimate": "estimation",
    "at least": "au moins",
    "at most": "au plus",
    "in shards": "fichiers",
    "bytes of text": "octets de texte",
    "matches, grade full_copy": "résultats, copies entières",
    "matches, grade partial_copy": "résultats, copies partielles",
    "matches, grade extract": "résultats, extraits",
    "matches, grade url_only": "résultats, adresse seule",
    "matches, confidence A": "résultats de lettre A",
    "matches, confidence B": "résultats de lettre B",
    "matches, confidence C": "résultats de lettre C",
    "matches, confidence D": "résultats de lettre D",
    "documents with matches": "documents avec résultats",
    "documents with matches, own sites": "documents avec résultats, sites propres",
    "documents with matches, elsewhere": "documents avec résultats, ailleurs",
    "documents with matches, site unknown": "documents avec résultats, site inconnu",
    "articles": "articles",
    "articles, confidence A or B": "articles de lettre A ou B",
    # Columns of `claims`, and what stands in them.
    "kind": "nature",
    "pages": "pages",
    "texts": "textes",
    "hosts": "sites",
    "all": "total",
    "own_page": "page propre",
    "copy": "copie",
    "reprint": "reprise",
    "licensed": "sous licence",
    # Columns of `datasets`, and the names of its facts.
    "a part": "une partie",
    "gated": "accès réservé",
    "leads back": "mène à la source",
    "files": "fichiers",
    "columns": "colonnes",
    "roles": "champs",
    "upstream": "vers la source",
    "size": "taille",
    "caution": "attention",
    "source": "source",
    "checked": "vérifié le",
    "by": "d'après",
    # Columns of `exposure`, and what stands in them.
    "model": "modèle",
    "extent": "étendue",
    "the publisher says": "selon l'éditeur du modèle",
    "release named": "livraison citée",
    "whole": "entier",
    "part": "partie",
    "derived": "dérivé",
    # Columns of `compare`, and what stands in them.
    "pairs": "paires",
    "state": "état",
    "doubt": "doute",
    "gone": "disparu",
    "reduced": "réduit",
    "altered": "modifié",
    "moved": "déplacé",
    "persists": "maintenu",
    "new": "nouveau",
    "reappeared": "réapparu",
    # States and alarms of `removal`.
    "places": "lieux",
    "present": "présent",
    "hidden": "masqué",
    "blanked": "vidé",
    "overwritten": "écrasé",
    "dropped": "ôté",
    "withdrawn": "fichier retiré",
    "superseded": "remplacé",
    "restricted": "restreint",
    "recaptured": "capturé à nouveau",
    "undecided": "indécis",
    "index disagrees": "index contredit",
    "control lost": "témoin perdu",
    "file changed": "fichier changé",
    "yield fell": "rendement en baisse",
    # Columns of `rights`, and what stands in them.
    "agent": "robot",
    "reserved": "réservé",
    "meaning": "sens",
    "both": "avant et après",
    "before": "avant",
    "after": "après",
    "conflicting": "contradictoire",
    "none": "non",
    "unknown": "inconnu",
}
