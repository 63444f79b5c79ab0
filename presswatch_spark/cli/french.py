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
    "record": ("enregistrement", "enregistrements"),
    "known address": ("adresse connue", "adresses connues"),
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
    "URL": ("adresse", "adresses"),
    "host": ("site", "sites"),
    "refusal": ("refus", "refus"),
    "more row": ("autre ligne", "autres lignes"),
}
"""Singular and plural."""

TEXTS: Mapping[str, str] = {
    # Exports and `sql`.
    # `matches`.
    # `runs`.
    # `estimate`.
    # `claims`.
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
    # `notice`: what it drafts.
    "{rows} of {urls} on {hosts}, {articles}, in {folder}": (
        "{rows} pour {urls} sur {hosts}, {articles}, dans {folder}"
    ),
    "left out, as they are {reason}: {places}": "laissé de côté, car {reason} : {places}",
    "left out, as they do not concern the recipient: {places}": (
        "laissé de côté, car sans rapport avec le destinataire : {places}"
    ),
    "missing: {element}: the notice lacks {facts}": "manque : {element} : il manque à la lettre {facts}",
    "removed": "déjà retirés",
    "read by no scan": "lus par aucune analyse",
    "without copied words": "sans mots repris",
    "doubtful": "douteux",
    "not as their rows say in the bag": "sans confirmation dans le dossier scellé",
    # `notice check`.
    "refused: {rule}: {about}: {meaning}": "refusé : {rule} : {about} : {meaning}",
    "refused: {rule}: {about}: {meaning} ({detail})": "refusé : {rule} : {about} : {meaning} ({detail})",
    "{rows} and {more}": "{rows} et {more}",
    "nothing refuses this notice": "rien ne s'oppose à cette lettre",
    "a file is not as it was drafted, is missing, or was added": (
        "un fichier n'est plus tel qu'il a été rédigé, manque, ou a été ajouté"
    ),
    "notice.json does not fit its schema": "notice.json ne suit pas son schéma",
    "the law, or the recipient, asks for an element that the notice does not have": (
        "la loi, ou le destinataire, demande un élément que la lettre n'a pas"
    ),
    "claims and tables do not give the rows of the annex any more": (
        "les réclamations et les tables ne donnent plus les lignes de l'annexe"
    ),
    "the sealed bag that the notice rests on does not verify, or is another one": (
        "le dossier scellé sur lequel la lettre repose n'est plus tel qu'au scellement, ou en est un autre"
    ),
    "the annex does not have the digest that the notice names": (
        "l'annexe n'a pas l'empreinte que la lettre indique"
    ),
    "the PDF does not hold the annex that lies beside it": (
        "le PDF ne contient pas l'annexe qui l'accompagne"
    ),
    "a row has no claim": "une ligne est sans réclamation",
    "the claim of a row has the letter D": "la réclamation d'une ligne a la lettre D",
    "the claim of a row has the letter C, and no person said that it is one": (
        "la réclamation d'une ligne a la lettre C, et personne n'a dit qu'elle en est une"
    ),
    "a person said that a row is no claim, or is unsure": (
        "une personne a écarté une ligne, ou ne se prononce pas"
    ),
    "a licence covers the host of a row": "une licence couvre le site d'une ligne",
    "the sender has no mandate in force for the publisher of a row": (
        "l'expéditeur n'a pas de mandat en vigueur pour l'éditeur d'une ligne"
    ),
    "a row was not read again lately": "une ligne n'a pas été relue récemment",
    "a row was read again in a copy, and the law requires the location that is named": (
        "une ligne a été relue dans une copie, et la loi exige l'emplacement qui est indiqué"
    ),
    "read the files that the notice names: `removal probe --mirror`, or add --read-again": (
        "lisez les fichiers que la lettre indique : `removal probe --mirror`, ou ajoutez --read-again"
    ),
    "a row names a file of this machine, and not its public address": (
        "une ligne désigne un fichier de cette machine, et non son adresse publique"
    ),
    "the letter has tracked changes or comments, which its readers see as well": (
        "la lettre garde des modifications suivies ou des commentaires, que ses lecteurs voient aussi"
    ),
    "accept or reject the changes, and take the comments out": (
        "acceptez ou refusez les modifications, et retirez les commentaires"
    ),
    "what gets published has data of a person": "ce qui sera publié contient des données personnelles",
    "what gets published has text of an article, or nobody can say that it has none": (
        "ce qui sera publié contient du texte d'un article, ou personne ne peut dire que non"
    ),
    "the law wants its clause of perjury signed, and nobody signed it": (
        "la loi veut que la déclaration sous peine de parjure soit signée, et personne ne l'a signée"
    ),
    "{error}": "{error}",
    "it is missing": "il manque",
    "it was added": "il a été ajouté",
    "it has changed": "il a changé",
    "it has changed; if you edited it, add --edited-by NAME": (
        "il a changé ; si vous l'avez corrigé, ajoutez --edited-by NOM"
    ),
    "it is not the one that was drafted": "ce n'est pas celui qui a été rédigé",
    "a fact that it needs is missing: see the sender's file": (
        "un fait dont il dépend manque : voir le fichier de l'expéditeur"
    ),
    "it is not in {file}": "il n'est pas dans {file}",
    "it is not in {file} as it was drafted": "il n'est pas dans {file} tel qu'il a été rédigé",
    "`presswatch notice sign` notes who signed it": "`presswatch notice sign` note qui l'a signée",
    "its root is {root} now": "sa racine est maintenant {root}",
    "its file, or the members file, says something else now": (
        "son fichier, ou celui des membres, dit maintenant autre chose"
    ),
    "the recipients file says something else of it now": (
        "le fichier des destinataires en dit maintenant autre chose"
    ),
    "{place}: it breaks the rule `{rule}`": "{place} : la règle `{rule}` n'est pas respectée",
    "the publisher is none of the sender's": "l'éditeur n'est pas de ceux de l'expéditeur",
    "the members file names no document of the mandate": (
        "le fichier des membres n'indique aucun document du mandat"
    ),
    "the mandate is not in force on {day}": "le mandat n'est pas en vigueur le {day}",
    "within {days} days; run `removal probe`, or add --read-again": (
        "depuis {days} jours ; lancez `removal probe`, ou ajoutez --read-again"
    ),
    "draft it again with --mirror FROM=TO": "rédigez-la de nouveau avec --mirror DE=VERS",
    "{place} gives {digest}": "{place} donne {digest}",
    "it cannot be read": "illisible",
    "its digest is {digest}": "son empreinte est {digest}",
    "no annex has the column {names}": "aucune annexe n'a la colonne {names}",
    "a cell has more than {count} characters": "une cellule a plus de {count} caractères",
    "an email address or telephone number": "une adresse électronique ou un numéro de téléphone",
    "an email address or telephone number beside the sender's": (
        "une adresse électronique ou un numéro de téléphone, outre ceux de l'expéditeur"
    ),
    "it was edited: give --corpus, to compare it with the articles": (
        "elle a été corrigée : donnez --corpus, pour la comparer aux articles"
    ),
    "it has a passage of an article of the annex": "il s'y trouve un passage d'un article de l'annexe",
    "its attachments cannot be read": "ses pièces jointes sont illisibles",
    "verify before you send: {name} of {id}: nobody has read {source}": (
        "à vérifier avant l'envoi : {name} de {id} : personne n'a lu {source}"
    ),
    "verify before you send: {name} of {id}: {source} was read on {day}": (
        "à vérifier avant l'envoi : {name} de {id} : {source} a été lu le {day}"
    ),
    "verify before you send: the claims were made without --licences, so no licence is known": (
        "à vérifier avant l'envoi : les réclamations ont été faites sans --licences : aucune licence n'est"
        " connue"
    ),
    "verify before you send: claims, verdicts and licences are those of the bag, sealed {moment}": (
        "à vérifier avant l'envoi : réclamations, avis et licences sont ceux du dossier, scellé {moment}"
    ),
    "verify before you send: letter.docx was edited; letter.pdf and form.txt are still those of the draft": (
        "à vérifier avant l'envoi : letter.docx a été corrigée ; letter.pdf et form.txt sont encore ceux du"
        " projet"
    ),
    "verify before you send: the members file gives no country of {publisher}: the right of press"
    " publishers is"
    " not claimed for it": (
        "à vérifier avant l'envoi : le fichier des membres ne donne pas le pays de {publisher} : le"
        " droit voisin"
        " des éditeurs de presse n'est pas invoqué pour lui"
    ),
    "verify before you send: {publisher} is established outside the EU and EEA ({country}): the"
    " right of press"
    " publishers is not claimed for it": (
        "à vérifier avant l'envoi : {publisher} est établi hors de l'UE et de l'EEE ({country}) : le"
        " droit voisin"
        " des éditeurs de presse n'est pas invoqué pour lui"
    ),
    "verify before you send: by its country, {publisher} has the right of press publishers for"
    " {count} rows whose"
    " claims do not say so: build the corpus with this members file, and make the claims again": (
        "à vérifier avant l'envoi : par son pays, {publisher} a le droit voisin des éditeurs de"
        " presse pour {count}"
        " lignes dont les réclamations ne le disent pas : refaites le corpus avec ce fichier des"
        " membres, puis les"
        " réclamations"
    ),
    "verify before you send: the members file gives no rights_basis of {publisher}: the letter does"
    " not call it the"
    " holder of the author’s right": (
        "à vérifier avant l'envoi : le fichier des membres ne donne pas de rights_basis pour"
        " {publisher} : la lettre"
        " ne le dit pas titulaire du droit d'auteur"
    ),
    "verify before you send: the members file gives no day (signed_on) of the deed by which"
    " {publisher} gave its"
    " mandate": (
        "à vérifier avant l'envoi : le fichier des membres ne donne pas la date (signed_on) de"
        " l'acte par lequel"
        " {publisher} a donné son mandat"
    ),
    "verify before you send: opinion pieces, whose authors may hold rights ({count}): {articles}": (
        "à vérifier avant l'envoi : tribunes, dont les auteurs peuvent être titulaires des droits"
        " ({count}) :"
        " {articles}"
    ),
    "verify before you send: interviews, whose speakers may hold rights ({count}): {articles}": (
        "à vérifier avant l'envoi : entretiens, où la personne interrogée peut avoir des droits ({count}) :"
        " {articles}"
    ),
    "verify before you send: articles of authors from outside, or who signed nothing else of their"
    " title in the"
    " corpus ({count}): {articles}": (
        "à vérifier avant l'envoi : articles d'auteurs extérieurs, ou qui n'ont rien signé d'autre"
        " pour leur titre"
        " dans le corpus ({count}) : {articles}"
    ),
    "verify before you send: nobody has looked at the authors of the articles: give --corpus": (
        "à vérifier avant l'envoi : personne n'a regardé les auteurs des articles : donnez --corpus"
    ),
    # `notice sign`, `sent`, `answer`, `status`.
    "noted: signed by {name} on {day}": "noté : signée par {name} le {day}",
    "noted: sent on {day}": "noté : envoyée le {day}",
    "noted: {answer} on {day}": "noté : {answer} le {day}",
    "changed: {file}": "modifié : {file}",
    "removed: nobody knows; open a case of the same claims, and give --case": (
        "retirés : personne ne le sait ; ouvrez une affaire des mêmes réclamations, et donnez --case"
    ),
    "removed: {removed} of {places}, by the case": "retirés : {removed} sur {places}, d'après l'affaire",
    "state: {state} ({meaning})": "état : {state} ({meaning})",
    "it was not checked as it is now": "pas contrôlée telle qu'elle est",
    "nothing refused it": "rien ne s'y est opposé",
    "its signatory signed it as it is now": "son signataire l'a signée telle qu'elle est",
    "it was sent, and no answer was noted": "elle est partie, et aucune réponse n'est notée",
    "the recipient answered": "le destinataire a répondu",
    "every place of its annex is gone, by the case": (
        "tous les lieux de l'annexe sont retirés, d'après l'affaire"
    ),
    "some places of its annex are gone, by the case": (
        "une partie des lieux de l'annexe est retirée, d'après l'affaire"
    ),
    "the newest answer refuses": "la dernière réponse refuse",
    "no answer came in time": "aucune réponse dans le délai",
    "draft": "projet",
    "drafted": "rédigée",
    "edited": "corrigée",
    "read": "relue",
    "checked": "contrôlée",
    "signed": "signée",
    "sent": "envoyée",
    "answered": "réponse",
    "acknowledged": "réponse reçue",
    "says_complied": "dit avoir fait le nécessaire",
    "complied": "exécutée",
    "partly": "exécutée en partie",
    "refused": "refusée",
    "silent": "sans réponse",
    # `datasets`.
    # `exposure`.
    # `compare`.
    # `rights`.
    # `removal status`.
    "the text can be read": "le texte se lit encore",
    "another text is there: see the words that are left": (
        "un autre texte s'y trouve : voyez les mots qui restent"
    ),
    "the index has no entry, and the record reads": "l'index n'a plus d'entrée, et l'enregistrement se lit",
    "nothing is at its place, and controls of the file read": (
        "il n'y a plus rien à sa place, et les témoins du fichier se lisent"
    ),
    "the whole file was read, and it is not in it": "le fichier entier a été lu, et il ne s'y trouve pas",
    "the file was missing twice, a day apart": "le fichier manquait deux fois, à un jour d'écart",
    "an older revision serves it, the newest does not": "une version ancienne le sert, pas la plus récente",
    "access was refused, which removes nothing": "l'accès a été refusé, ce qui ne retire rien",
    "it was gone, and is there again": "il avait disparu, et il est revenu",
    "a later capture of its URL has the article": "une capture plus tardive de son adresse a l'article",
    "nobody can say": "personne ne peut le dire",
    # Reasons of states: `removal.states.RULES`.
    "it was not asked for yet": "il n'a pas encore été interrogé",
    "it was {before} before": "état précédent : {before}",
    "the newest revision is without its text and URL, and an older one still serves it; only --corpus can say"
    " whether passages of its article are in the newest": (
        "la version la plus récente n'a ni son texte ni son adresse, et une plus ancienne le sert encore ;"
        " seul --corpus peut dire si la plus récente a des passages de l'article"
    ),
    "the newest revision is without it, and an older one still serves it": (
        "la version la plus récente ne l'a pas, et une plus ancienne le sert encore"
    ),
    "the index has no entry of it, and the record reads": (
        "l'index n'en a pas d'entrée, et l'enregistrement se lit"
    ),
    "it is elsewhere in the file, or under another URL": (
        "il est ailleurs dans le fichier, ou sous une autre adresse"
    ),
    "its commit no longer gives it; the newest revision does": (
        "sa version ne le donne plus ; la plus récente le donne"
    ),
    "unresolved: no index (--index) has said yet where in its file the record is": (
        "place inconnue : aucun index (--index) n'a encore dit où est l'enregistrement dans son fichier"
    ),
    "the server answers for a name that never was": "le serveur répond pour un nom qui n'a jamais existé",
    "a record of the file that nobody noticed is not there either": (
        "un enregistrement témoin du fichier, que personne n'a signalé, n'y est plus non plus"
    ),
    "there was no whole answer": "il n'y a pas eu de réponse entière",
    "the server asked for fewer requests": "le serveur a demandé moins de requêtes",
    "the server could not answer": "le serveur n'a pas pu répondre",
    "the answer was no part of the file": "la réponse n'était pas une partie du fichier",
    "no probe of this case ever read it": "aucune interrogation de ce dossier ne l'a jamais lu",
    "the server was not heard on a name that never was": (
        "le serveur ne s'est pas prononcé sur un nom qui n'a jamais existé"
    ),
    "the server says that the file is the one in which it was read": (
        "selon le serveur, le fichier est celui où il a été lu"
    ),
    "the article's words were not counted": "les mots de l'article n'ont pas été comptés",
    "another text is there, in which no word of the article was found": (
        "un autre texte s'y trouve, où aucun mot de l'article n'a été trouvé"
    ),
    "bytes at its place still give text, in which no word of the article was counted": (
        "des octets à sa place donnent encore du texte, où aucun mot de l'article n'a été compté"
    ),
    "the server misses its file only for some requests": "le fichier ne manque que pour certaines requêtes",
    "its file is missing, but no other file of the folder was read beside it": (
        "son fichier manque, mais aucun autre fichier du dossier n'a été lu en même temps"
    ),
    "its file was missing once; ask again after {again}": (
        "son fichier a manqué une fois ; interrogez à nouveau après le {again}"
    ),
    "its commit is gone, and the newest revision could not be read for it": (
        "sa version n'est plus là, et la plus récente n'a pas pu être lue"
    ),
    "its text and URL are not in the file; only --corpus can say whether passages of its article are": (
        "son texte et son adresse ne sont pas dans le fichier ; seul --corpus peut dire si des passages de"
        " l'article y sont"
    ),
    "a commit never changes, and gives other bytes": "une version ne change jamais, et donne d'autres octets",
    "no other record of the file was read": "aucun autre enregistrement du fichier n'a été lu",
    "its file is longer than before: only --deep, with --corpus, can say that the article is not in it": (
        "son fichier est plus long qu'avant : seul --deep, avec --corpus, peut dire que l'article n'y est pas"
    ),
    "parts of the file that were not read may hold its text": (
        "des parties du fichier qui n'ont pas été lues peuvent contenir son texte"
    ),
    "its neighbours were not both read; --deep, with --corpus, can say whether it is in the file": (
        "ses deux voisins n'ont pas été lus ; --deep, avec --corpus, peut dire s'il est dans le fichier"
    ),
    "the file ends before it: it may be cut, unless --deep finds a record that stood behind it": (
        "le fichier s'arrête avant : il peut être coupé, sauf si --deep trouve un enregistrement qui suivait"
    ),
    "another record is at its place; only --deep, with --corpus, can say that it is not in the file": (
        "un autre enregistrement est à sa place ; seul --deep, avec --corpus, peut dire qu'il n'est pas dans"
        " le fichier"
    ),
    "a later capture of its URL has the article; its own place is {own}": (
        "une capture plus tardive de son adresse a l'article ; à sa place : {own}"
    ),
    "a run found this capture in another file; its own place is {own}": (
        "une analyse a trouvé cette capture dans un autre fichier ; à sa place : {own}"
    ),
    "no alarms": "aucune alerte",
    "undecided: {doubt}": "indécis : {doubt}",
    "alarm of round {round}: {kind}: {about}: {detail}": (
        "alerte du tour {round} : {kind} : {about} : {detail}"
    ),
    "chain: {probes} ({places} of places, the others of controls, indexes and tables), the newest {newest}": (
        "chaîne : {probes} ({places} de lieux, les autres de témoins, d'index et de tables), la dernière"
        " {newest}"
    ),
    "{removed} of {claims} removed, at every place": "retiré en tous lieux : {removed} sur {claims}",
}


NOTICE_NAMES: dict[str, str] = {
    # Facts of a recipient.
    "route": "voie d'envoi",
    "language": "langue",
    "publishes": "publication des lettres",
    "elements": "mentions exigées",
    "columns": "colonnes de l'annexe",
    # Elements of a law.
    "consequences": "conséquences",
    "contact": "coordonnées",
    "deadline": "délai",
    "demand": "demande",
    "explanation": "explication",
    "facts": "faits",
    "good_faith": "bonne foi",
    "location": "emplacement",
    "material": "contenus à retirer",
    "notifier": "auteur de la notification",
    "perjury": "déclaration sous peine de parjure",
    "reservation": "réserve de droits",
    "rightholder": "titulaire des droits",
    "rights": "droits",
    "scope": "portée",
    "sender": "expéditeur",
    "signature": "signature",
    "work": "œuvres",
    "works": "œuvres",
    # Facts that elements need.
    "address": "adresse postale",
    "articles": "articles",
    "email": "adresse électronique",
    "files": "fichiers",
    "mandates": "mandats",
    "phone": "téléphone",
    "prefixes": "préfixes SURT",
    "recipient": "destinataire",
    "reserved_rows": "lignes sous réserve de droits",
    "rights_basis": "fondement des droits",
    "rights_rows": "lignes dont les droits peuvent être invoqués",
    "rows": "lignes",
    "signatory": "signataire",
    "signatory_title": "qualité du signataire",
    # What a check is about, beside these and files.
    "seal": "sceau",
    "urls": "adresses",
    "domains": "domaines",
}
"""Names in notices: facts of recipients, elements of laws, and what they need."""
