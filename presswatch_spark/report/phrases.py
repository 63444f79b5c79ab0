"""What the page says, in French and English."""

from collections.abc import Mapping
from types import MappingProxyType

PHRASES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "name": (
            "Vos articles dans les jeux de données du web",
            "Your articles in the datasets of the web",
        ),
        "lead": (
            "Ce rapport dit quels articles ont été retrouvés, mot pour mot, sur les pages d'autrui que"
            " ces jeux de données contiennent ; où ; et comment le vérifier.",
            "This report says which articles were found, word for word, on other people's pages that"
            " these datasets hold; where; and how to check it.",
        ),
        "made": ("Établi le {at}", "Made on {at}"),
        "of tables": (
            "Tables : {tables}. Les commandes de cette page nomment ce dossier tel qu'il se trouvait là"
            " où elle a été établie ; ailleurs, mettez le vôtre à sa place.",
            "Tables: {tables}. The commands of this page name this folder as it lay where the page was"
            " made; elsewhere, put yours in its place.",
        ),
        "stands for corpus": (
            "{placeholder} est le dossier du corpus de l'analyse.",
            "{placeholder} is the folder of the scan's corpus.",
        ),
        "contents": ("Sommaire", "Contents"),
        "unknown": ("inconnu", "not known"),
        "no release": ("livraison inconnue", "release not known"),
        "releases of rows": ("livraison propre à chaque ligne", "release of each row"),
        "no format": ("format inconnu", "format not known"),
        "percent": ("{number} %", "{number}%"),
        "least share": ("moins de 1 %", "less than 1%"),
        # Datasets by their format: it does not say which of those in this format a file is of.
        "dataset wet": ("Common Crawl, textes", "Common Crawl, texts"),
        "dataset warc": ("Common Crawl, pages", "Common Crawl, pages"),
        "dataset arc": ("Common Crawl, pages d'avant 2012", "Common Crawl, pages before 2012"),
        "archive wet": ("textes du web (WET)", "texts of the web (WET)"),
        "archive warc": ("pages du web (WARC)", "pages of the web (WARC)"),
        "archive arc": ("pages du web (ARC)", "pages of the web (ARC)"),
        "dataset c4": ("format C4", "C4 format"),
        "dataset oscar": ("format OSCAR", "OSCAR format"),
        "dataset rows": ("autre jeu de lignes", "another dataset of rows"),
        # In brief.
        "brief": ("En bref", "In brief"),
        "addresses": ("adresses", "addresses"),
        "addresses one": ("adresse", "address"),
        "pages": ("pages", "pages"),
        "pages one": ("page", "page"),
        "captures": ("captures", "captures"),
        "captures one": ("capture", "capture"),
        "records": ("enregistrements", "records"),
        "records one": ("enregistrement", "record"),
        "claims": ("réclamations", "claims"),
        "claims one": ("réclamation", "claim"),
        "articles": ("articles", "articles"),
        "articles one": ("article", "article"),
        "hosts": ("sites", "sites"),
        "hosts one": ("site", "site"),
        "addresses says": ("sur les sites d'autrui", "on other people's sites"),
        "pages says": ("une adresse dans une livraison", "an address in a release"),
        "captures says": ("une page à un moment", "a page at a time"),
        "records says": ("les octets d'une capture dans un fichier", "the bytes of a capture in a file"),
        "claims says": ("un article sur une page", "an article on a page"),
        "articles says": ("dans ces pages, en tout ou en partie", "on these pages, whole or in part"),
        "hosts says": ("où elles se trouvent", "that have them"),
        "nothing found": (
            "Aucune reprise connue sur le site d'autrui n'a été trouvée dans ce qui a été lu.",
            "No copy that is known to stand on somebody else's site was found in what was read.",
        ),
        "all read": (
            "Fichiers prévus : {shards}. Tous ont été lus jusqu'au bout.",
            "Files planned: {shards}. All were read to their end.",
        ),
        "not all read": (
            "Fichiers prévus : {shards}. Lus jusqu'au bout : {complete} ; en partie : {partial} ; pas du"
            " tout :"
            " {failed}. Ce qui n'a pas été lu peut contenir d'autres reprises : une absence n'y vaut rien.",
            "Files planned: {shards}. Read to their end: {complete}; in part: {partial}; not at all:"
            " {failed}."
            " What was not read may hold more copies: there, absence means nothing.",
        ),
        "read unknown": (
            "Les tables ne disent pas combien de fichiers ont été lus : une absence n'y vaut rien.",
            "The tables do not say how many files were read: absence means nothing here.",
        ),
        "a sample": (
            "L'analyse {run} porte sur un échantillon : {planned} fichiers tirés parmi {listed}. Les chiffres"
            " sont ceux de l'échantillon, non du tout.",
            "Scan {run} is of a sample: {planned} files drawn from {listed}. The figures are those of the"
            " sample, not of the whole.",
        ),
        "unfinished": (
            "Analyses commencées et non achevées, qui ne comptent pas : {count}.",
            "Scans that were begun and not finished, and do not count: {count}.",
        ),
        "several corpora": (
            "Les analyses ont été faites avec plusieurs états du corpus. Un fichier lu avec deux"
            " d'entre eux compte deux fois.",
            "The scans were made with several states of the corpus. A file that was read with two of"
            " them counts twice.",
        ),
        "what letters mean": ("La force de chaque résultat", "How strong each finding is"),
        "letter A": ("Parle de lui-même", "Speaks for itself"),
        "letter B": ("Indices sérieux", "Strong evidence"),
        "letter C": ("À examiner par une personne", "For a person to examine"),
        "letter D": ("Ne pas produire", "Not to be used"),
        "strongest": (
            "Une page est une adresse dans une livraison ; elle compte une fois, avec sa lettre la plus"
            " forte.",
            "A page is an address in a release. It counts once, with its strongest letter.",
        ),
        "no claims": (
            "Ces lettres viennent de chaque page seule : les résultats n'ont pas encore été jugés"
            " ensemble. Pour le faire : {command}.",
            "These letters come from each page alone: the findings have not been judged together yet."
            " To do so: {command}.",
        ),
        "not all judged": (
            "Lignes qui n'ont pas encore été jugées avec les autres : {rows}. Elles gardent la lettre de leur"
            " page seule.",
            "Rows that have not been judged with the others yet: {rows}. They keep the letter of their page"
            " alone.",
        ),
        "where found": ("Où se trouvent les pages", "Where the pages are"),
        "place elsewhere": ("sur d'autres sites", "on other sites"),
        "place own": ("sur les sites de l'éditeur", "on the publisher's own sites"),
        "place licensed": ("sous licence déclarée", "under a declared licence"),
        "place unknown": (
            "adresse inconnue : non comptées plus haut",
            "address not known: not counted above",
        ),
        "place not_used": ("à ne pas produire (lettre D)", "not to be used (letter D)"),
        "what changed": ("Ce qui a changé", "What has changed"),
        "between runs": ("Entre les analyses {before} et {after}", "Between the scans {before} and {after}"),
        "no comparison": (
            "Ces tables ne contiennent pas de comparaison de deux analyses. On ne peut donc dire ce qui est"
            " nouveau, réduit, disparu ou réapparu.",
            "These tables hold no comparison of two scans. So nobody can say what is new, reduced, gone or"
            " reappeared.",
        ),
        "state new": ("nouveaux", "new"),
        "state new one": ("nouveau", "new"),
        "state reduced": ("réduits", "reduced"),
        "state reduced one": ("réduit", "reduced"),
        "state gone": ("disparus", "gone"),
        "state gone one": ("disparu", "gone"),
        "state reappeared": ("réapparus", "reappeared"),
        "state reappeared one": ("réapparu", "reappeared"),
        "state persists": ("maintenus", "persist"),
        "state persists one": ("maintenu", "persists"),
        "state moved": ("déplacés", "moved"),
        "state moved one": ("déplacé", "moved"),
        "state altered": ("modifiés", "altered"),
        "state altered one": ("modifié", "altered"),
        "state unknown": ("inconnus", "unknown"),
        "state unknown one": ("inconnu", "unknown"),
        "pairs": (
            "Sont comptés les couples d'un article et d'une page, toutes lettres confondues. « Disparu »"
            " n'est"
            " dit que de fichiers lus jusqu'au bout.",
            "What is counted are pairs of an article and a page, of all letters. “Gone” is only said of files"
            " that were read to their end.",
        ),
        # Figures.
        "figures": ("Figures", "Figures"),
        "the numbers": ("Les chiffres", "The numbers"),
        "empty figure": ("Rien à montrer ici.", "Nothing to show here."),
        "figure hosts": ("Les sites qui reprennent le plus", "The sites that copy most"),
        "about figure hosts": (
            "Pages de chaque site, selon la force du résultat : A, B ou C.",
            "Pages of each site, by how strong the finding is: A, B or C.",
        ),
        "figure releases": ("Les éditeurs, livraison par livraison", "Publishers, release by release"),
        "about figure releases": (
            "Pages d'autres sites qui reprennent des articles de chaque éditeur, dans chaque jeu de données.",
            "Pages on other sites that hold articles of each publisher, in each dataset.",
        ),
        "figure years": ("L'âge des articles repris", "How old the copied articles are"),
        "about figure years": (
            "Articles retrouvés, selon l'année de leur publication.",
            "Articles that were found, by the year in which they were published.",
        ),
        "figure lineage": ("D'un jeu de données à l'autre", "From dataset to dataset"),
        "about figure lineage": (
            "Une copie est un article sur une page enregistrée à un moment donné ; pages des éditeurs"
            " et pages sous licence comprises. Celle que plusieurs jeux contiennent a pu passer de l'un"
            " à l'autre, ou venir d'une même source. Un jeu dont la livraison est inconnue compte à part,"
            " et peut être l'un des autres.",
            "A copy is an article on a page recorded at one time; the publishers' own pages and"
            " licensed ones count, too. One that several datasets hold may have passed from one to"
            " another, or come from the same source. A dataset whose release is not known counts apart,"
            " and may be one of the others.",
        ),
        "in one": ("dans ce jeu seul", "in this dataset alone"),
        "in two": ("dans deux jeux", "in two datasets"),
        "in many": ("dans trois ou plus", "in three or more"),
        "copies": ("copies", "copies"),
        "figure token_share": ("La part de vos mots", "The share of your words"),
        "about figure token_share": (
            "Sur un million de mots lus, combien sont des mots des articles sur les pages d'autrui,"
            " sous licence ou non, et combien sont sur les sites des éditeurs. La part vaut pour les"
            " fichiers lus. Une page compte une fois pour chaque éditeur, et une fois dans l'ensemble."
            " Des mots que plusieurs éditeurs ont publiés comptent donc pour chacun d'eux :"
            " additionnées, leurs parts peuvent dépasser l'ensemble. De plusieurs articles sur une page,"
            " seul compte celui dont elle a le plus de mots : la vraie part n'est pas plus petite.",
            "Of a million words that were read, how many are words of the articles on other people's"
            " pages, licensed or not, and how many stand on the publishers' own sites. The share is that"
            " of the files that were read. A page counts once for each publisher, and once for all"
            " together. So words that several publishers printed count for each of them: their shares"
            " may add up to more than that of all. Of several articles on a page, only the one with most"
            " words counts: the true share is no smaller.",
        ),
        "all publishers": ("Ensemble", "All together"),
        "copied by others": ("repris par autrui", "copied by others"),
        "on own sites": ("sur les sites des éditeurs", "on the publishers' own sites"),
        "words in a million": ("mots par million", "words in a million"),
        "figure reservations": (
            "Les oppositions à la fouille de textes",
            "Reservations against text and data mining",
        ),
        "about figure reservations": (
            "Ce que le site du titre déclarait autour du jour où la page a été enregistrée (CPI, art."
            " L. 122-5-3).",
            "What the title's site declared around the day on which the page was recorded (CPI, art."
            " L. 122-5-3).",
        ),
        "no figure reservations": (
            "Les résultats n'ont pas encore été jugés ensemble : on ne peut dire ce que les titres"
            " déclaraient.",
            "The findings have not been judged together yet: nobody can say what the titles declared.",
        ),
        "reservation both": ("opposition avant et après", "reserved before and after"),
        "reservation before": ("opposition avant", "reserved before"),
        "reservation after": ("opposition après", "reserved after"),
        "reservation none": ("pas d'opposition connue", "no reservation known"),
        "reservation conflicting": ("déclarations contraires", "declarations conflict"),
        "reservation unknown": ("déclarations inconnues", "declarations not known"),
        # Tables.
        "tables": ("Tableaux", "Tables"),
        "table titles": ("Titres", "Titles"),
        "table all_hosts": ("Sites", "Sites"),
        "table news": ("Nouveautés de la dernière analyse", "News of the newest scan"),
        "table reasons": (
            "Pourquoi des résultats attendent une personne",
            "Why findings wait for a person",
        ),
        "table for_a_person": ("Résultats à examiner (lettre C)", "Findings to examine (letter C)"),
        "about titles": (
            "Un zéro veut dire : aucune reprise connue sur le site d'autrui, de lettre A, B ou C, dans ce qui"
            " a été lu jusqu'au bout (fichiers : {complete} sur {shards}).",
            "A zero means: no copy of letter A, B or C that is known to stand on somebody else's site, in"
            " what was read to its end ({complete} of {shards} files).",
        ),
        "about all_hosts": (
            "Les autres sites, ceux qui ont le plus de pages d'abord.",
            "Other sites, those with most pages first.",
        ),
        "about news": (
            "Couples d'un article et d'une page que la dernière analyse a été la première à trouver.",
            "Pairs of an article and a page that the newest scan was the first to find.",
        ),
        "one run": (
            "Il n'y a qu'une analyse : tout y est nouveau.",
            "There is one scan only: all of it is new.",
        ),
        "about reasons": (
            "Chaque résultat de lettre C peut avoir plusieurs motifs, pour ou contre.",
            "Each finding of letter C may have several reasons, for and against.",
        ),
        "about for_a_person": (
            "Ceux qui reprennent le plus de mots d'abord. Aucun ne doit être produit avant examen.",
            "Those with most words first. None must be produced before a person has examined it.",
        ),
        "shown of": (
            "{shown} lignes sur {all} ; les autres par la requête ci-dessous, sans « limit ».",
            "{shown} of {all} rows; the others by the query below, without its limit.",
        ),
        "at the limit": (
            "Les {shown} premières lignes ; s'il y en a d'autres, la requête ci-dessous les donne, sans «"
            " limit ».",
            "The first {shown} rows; if there are more, the query below gives them, without its limit.",
        ),
        "most publishers": (
            "Les {shown} éditeurs qui ont le plus de pages ; s'il y en a d'autres, la requête ci-dessous les"
            " donne, sans « limit ».",
            "The {shown} publishers with most pages; if there are more, the query below gives them, without"
            " its limit.",
        ),
        "empty table": ("Rien à montrer ici.", "Nothing to show here."),
        "filter": ("Filtrer", "Filter"),
        "previous": ("Précédentes", "Previous"),
        "next": ("Suivantes", "Next"),
        "rows shown": ("{first} à {last} sur {all}", "{first} to {last} of {all}"),
        "sort by": ("Trier", "Sort"),
        "no script": (
            "Les tableaux montrent leurs premières lignes. Un navigateur qui exécute les scripts de"
            " cette page les montre toutes, et les trie.",
            "Tables show their first rows. A browser that runs this page's script shows all, and sorts them.",
        ),
        "query": ("La requête, et comment la refaire", "The query, and how to ask it again"),
        # Columns.
        "col place": ("Où", "Where"),
        "col year": ("Année", "Year"),
        "col reservation": ("Déclaration", "Declaration"),
        "col dataset_count": ("Jeux qui la contiennent", "Datasets that hold it"),
        "col copies": ("Copies", "Copies"),
        "col own_words": ("Mots, sites des éditeurs", "Words, own sites"),
        "col words": ("Mots lus", "Words read"),
        "col own_in_a_million": ("Par million, sites des éditeurs", "In a million, own sites"),
        "col copied_in_a_million": ("Par million, repris", "In a million, copied"),
        "col publisher_id": ("Éditeur", "Publisher"),
        "col title_id": ("Titre", "Title"),
        "col articles": ("Articles", "Articles"),
        "col articles_copied": ("Repris", "Copied"),
        "col addresses": ("Adresses", "Addresses"),
        "col pages": ("Pages", "Pages"),
        "col pages_a": ("A", "A"),
        "col pages_b": ("B", "B"),
        "col pages_c": ("C", "C"),
        "col hosts": ("Sites", "Sites"),
        "col host": ("Site", "Site"),
        "col most_copied_words": ("Mots, au plus", "Words at most"),
        "col letter": ("Lettre", "Letter"),
        "col document_url": ("Page", "Page"),
        "col headline": ("Article", "Article"),
        "col first_found_at": ("Trouvé le", "Found on"),
        "col reason": ("Motif", "Reason"),
        "col rows": ("Lignes", "Rows"),
        "col copied_words": ("Mots repris", "Words copied"),
        "col article_coverage": ("De l'article", "Of the article"),
        "col row_sha256": ("Ligne", "Row"),
        # Examples.
        "examples": ("Exemples, côte à côte", "Examples, side by side"),
        "about examples": (
            "Les reprises les plus fortes, une par site. Les suites de mots retrouvées sont marquées.",
            "The strongest copies, one of each site. The runs of words that were found are marked.",
        ),
        "no examples": ("Aucune reprise à montrer.", "There is no copy to show."),
        "the article": ("L'article", "The article"),
        "the page": ("La page", "The page"),
        "of the dataset": ("enregistrée le {at} ({source})", "recorded on {at} ({source})"),
        "undated record": (
            "date d'enregistrement inconnue ({source})",
            "date of the record not known ({source})",
        ),
        "published in": ("{title}, {at}", "{title}, {at}"),
        "undated article": (
            "{title}, date de publication inconnue",
            "{title}, date of publication not known",
        ),
        "words copied": (
            "{copied} mots de l'article sur {words} ({share})",
            "{copied} of the article's {words} words ({share})",
        ),
        "words copied alone": ("Mots de l'article : {copied}", "Words of the article: {copied}"),
        "no headline": ("Article sans intitulé connu", "Article without a known headline"),
        "text missing": (
            "Le texte de l'article n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "The article's text is not at hand: give --corpus with the corpus of the scan.",
        ),
        "page missing": (
            "La page n'a pu être relue lors de l'établissement du rapport : {why}",
            "The page could not be read again when the report was made: {why}",
        ),
        "case missing": (
            "Cet exemple n'a pu être lu : {why}",
            "This example could not be read: {why}",
        ),
        "why letter": ("Pourquoi la lettre {letter}", "Why the letter {letter}"),
        "whole case": (
            "Le dossier entier : {command}",
            "The whole case: {command}",
        ),
        # Removal.
        "removal": ("Retraits", "Removal"),
        "no case": (
            "Aucun dossier de retrait n'a été donné : cette page ne dit pas ce qui a été retiré. Voir"
            " « presswatch removal », puis --case.",
            "No case of removal was given: this page does not say what was removed. See “presswatch removal”,"
            " then --case.",
        ),
        "case": (
            "Dossier {case}, ouvert le {day} : {targets} endroits où le texte se trouvait.",
            "Case {case}, opened on {day}: {targets} places where the text was.",
        ),
        "nothing asked": (
            "Personne n'a encore vérifié ces endroits : rien ne peut être dit.",
            "Nobody has looked at these places yet: nothing can be said.",
        ),
        "claims removed": (
            "Réclamations dont le texte n'est plus lisible à aucun de leurs endroits :"
            " {removed} sur {claims}.",
            "Claims whose text can no longer be read at any of their places: {removed} of {claims}.",
        ),
        "asked last": (
            "Dernière vérification : {at}. Vérifications en tout : {rounds}.",
            "Last looked at: {at}. Rounds in all: {rounds}.",
        ),
        "alarms": ("Alertes : {alarms}.", "Alarms: {alarms}."),
        "alarm reappeared": ("texte revenu", "text is back"),
        "alarm recaptured": ("page enregistrée de nouveau", "page captured again"),
        "alarm index disagrees": ("index contraire au fichier", "index and file disagree"),
        "alarm control lost": ("témoin perdu", "a control is lost"),
        "alarm file changed": ("fichier changé", "a file changed"),
        "alarm yield fell": ("résultats en chute", "findings fell"),
        "alarm clock set back": ("horloge reculée", "clock set back"),
        "alarm head missing": ("fin de chaîne manquante", "the end of the chain has no note"),
        "by recipient": ("Par destinataire", "By recipient"),
        "about recipients": (
            "Un endroit peut relever de plusieurs destinataires : celui qui publie, et celui qui héberge. Le"
            " format d'un fichier ou son adresse les désigne : vérifiez, avant d'écrire, qui publie ce"
            " fichier.",
            "A place may be a matter for several recipients: who publishes, and who hosts. The format of a"
            " file, or its address, points to them: before you write, verify who publishes that file.",
        ),
        "no recipient": ("aucun destinataire connu", "no recipient that is known"),
        "by state": ("Par état", "By state"),
        "col recipient": ("Destinataire", "Recipient"),
        "col places": ("Endroits", "Places"),
        "col removed": ("Retirés", "Removed"),
        "col readable": ("Lisibles, en tout ou partie", "Readable, whole or in part"),
        "col undecided": ("Indécis", "Not decided"),
        "col removal_state": ("État", "State"),
        "col means": ("Ce que cela veut dire", "What it means"),
        "removal state present": ("présent", "present"),
        "removal present": ("Le texte est là.", "The text is there."),
        "removal state altered": ("modifié", "altered"),
        "removal altered": ("L'enregistrement contient un autre texte.", "The record has another text."),
        "removal state reduced": ("réduit", "reduced"),
        "removal reduced": (
            "Il contient moins de mots de l'article.",
            "It has fewer of the article's words.",
        ),
        "removal state hidden": ("caché", "hidden"),
        "removal hidden": (
            "L'index ne le montre plus, mais il se lit.",
            "The index has no entry, but it reads.",
        ),
        "removal state moved": ("déplacé", "moved"),
        "removal moved": (
            "Le texte se trouve ailleurs dans le fichier.",
            "The text stands elsewhere in the file.",
        ),
        "removal state blanked": ("vidé", "blanked"),
        "removal blanked": (
            "L'enregistrement est là, sans contenu.",
            "The record is there, without content.",
        ),
        "removal state overwritten": ("écrasé", "overwritten"),
        "removal overwritten": (
            "Il n'y a plus d'enregistrement à cet endroit, et ses voisins se lisent.",
            "No record is at its place, and its neighbours read.",
        ),
        "removal state dropped": ("absent", "dropped"),
        "removal dropped": (
            "Le fichier a été lu en entier : le texte n'y est pas.",
            "The whole file was read, and the text is not in it.",
        ),
        "removal state withdrawn": ("fichier retiré", "withdrawn"),
        "removal withdrawn": (
            "Le fichier manquait deux fois, à un jour d'intervalle.",
            "The file was missing twice, a day apart.",
        ),
        "removal state superseded": ("remplacé", "superseded"),
        "removal superseded": (
            "Une ancienne version le sert encore, la dernière non.",
            "An older revision serves it, the newest does not.",
        ),
        "removal state restricted": ("accès refusé", "restricted"),
        "removal restricted": (
            "L'accès a été refusé, ce qui ne retire rien.",
            "Access was refused, which removes nothing.",
        ),
        "removal state reappeared": ("revenu", "back again"),
        "removal reappeared": (
            "Il était retiré, et le texte est revenu.",
            "It was removed, and is there again.",
        ),
        "removal state recaptured": ("enregistré de nouveau", "captured again"),
        "removal recaptured": (
            "Un enregistrement plus récent de la même adresse contient l'article.",
            "A later capture of its address has the article.",
        ),
        "removal state undecided": ("indécis", "not decided"),
        "removal undecided": ("Nul ne peut le dire.", "Nobody can say."),
        "check removal": (
            "Pour refaire les chiffres par état : {command}. La dernière vérification a l'empreinte"
            " {digest}.",
            "To ask for the figures by state again: {command}. The newest look has the digest {digest}.",
        ),
        "check places": (
            "Pour refaire les chiffres par état : {command}. La liste des endroits a l'empreinte {digest}.",
            "To ask for the figures by state again: {command}. The list of places has the digest {digest}.",
        ),
        # Exposure.
        "exposure": ("Les modèles d'IA, selon leurs éditeurs", "AI models, by their publishers' word"),
        "exposure proves nothing": (
            "Ce que disent les éditeurs de modèles porte sur des jeux de données. Cela ne prouve ni qu'un"
            " modèle a"
            " lu un article, ni une faute.",
            "What publishers of models say is about datasets. It proves neither that a model read an"
            " article nor"
            " that anyone did wrong.",
        ),
        "no exposure": (
            "Parmi les éditeurs de modèles que ce programme connaît, aucun ne dit avoir employé un jeu de"
            " données dont on sait qu'il contient ces articles.",
            "No publisher of a model that this program knows of says that it used a dataset that is known to"
            " hold these articles.",
        ),
        "exposure whole": (
            "{publisher} dit avoir entraîné {model} sur {dataset}.",
            "{publisher} says that it trained {model} on {dataset}.",
        ),
        "exposure part": (
            "{publisher} dit avoir entraîné {model} sur une partie de {dataset}, qu'il a choisie.",
            "{publisher} says that it trained {model} on a part of {dataset} that it chose.",
        ),
        "release named": ("oui", "yes"),
        "release not_named": ("non, mais possible", "no, but possible"),
        "col release_is": ("Livraison nommée", "Release named"),
        "document": (
            "{title} ({published}), {at}, {identifier} ; lu le {checked}.",
            "{title} ({published}), {at}, {identifier}; read on {checked}.",
        ),
        "undated document": (
            "{title}, {at}, {identifier} ; lu le {checked}.",
            "{title}, {at}, {identifier}; read on {checked}.",
        ),
        "unknown dataset": (
            "Lignes laissées de côté, faute de savoir de quel jeu elles viennent : {rows}.",
            "Rows left out, as nobody says of which dataset they are: {rows}.",
        ),
        "without language": (
            "Lignes sans langue, non comptées pour les modèles entraînés sur certaines langues : {rows}.",
            "Rows without a language, not counted for models that were trained on some languages: {rows}.",
        ),
        # Method.
        "method": ("Méthode et limites", "Method and limits"),
        "how found": ("Comment une reprise est trouvée", "How a copy is found"),
        "method 1": (
            "Chaque page d'un fichier lu est comparée à tous les articles du corpus, mot à mot. Toute suite"
            " d'au moins 11 mots y est trouvée. Ce qui n'a pas été lu jusqu'au bout est compté à part.",
            "Each page of a file that was read is compared with all articles of the corpus, word by word."
            " Every run of at least 11 words in it is found. What was not read to its end is counted apart.",
        ),
        "method 2": (
            "Majuscules, accents et ponctuation ne comptent pas. Des règles publiques donnent à chaque"
            " résultat une lettre, de A à D ; un jugement d'ensemble peut seulement l'abaisser.",
            "Capitals, accents and punctuation do not count. Public rules give each finding a letter,"
            " from A to D; judging all findings together can only lower it.",
        ),
        "method 3": (
            "Chaque ligne dit dans quel fichier et à quel endroit se trouve la page, avec des empreintes : un"
            " tiers peut relire les mêmes octets et refaire la comparaison.",
            "Each row says in which file and at which place the page is, with digests: a third party can read"
            " the same bytes again and repeat the comparison.",
        ),
        "limits": ("Ce que ce rapport ne dit pas", "What this report does not say"),
        "limit 1": (
            "Il ne dit rien des fichiers qui n'ont pas été lus, ni de ce qui est arrivé aux pages depuis leur"
            " enregistrement.",
            "It says nothing of files that were not read, nor of what has become of the pages since they were"
            " recorded.",
        ),
        "limit 2": (
            "Une reprise n'est pas une faute : une licence, une source commune ou une exception, comme"
            " celle de courte citation (CPI, art. L. 122-5, 3°), peuvent la justifier. Les lettres"
            " jugent les faits seuls, non le droit.",
            "A copy is not a wrong: a licence, a common source or an exception, such as that for short"
            " quotations (CPI, art. L. 122-5, 3°), may justify it. Letters judge the facts alone, not"
            " the law.",
        ),
        "limit 3": (
            "Les suites de moins de 11 mots, les traductions et les reformulations ne sont pas cherchées.",
            "Runs of fewer than 11 words, translations and rewording are not looked for.",
        ),
        "limit 4": (
            "Qu'un jeu de données contienne un article ne prouve pas qu'un modèle l'a lu.",
            "That a dataset holds an article does not prove that a model has read it.",
        ),
        "what was read": ("Ce qui a été lu", "What was read"),
        "the runs": ("Les analyses et leurs empreintes", "The scans and their digests"),
        "col run_id": ("Analyse", "Scan"),
        "col source": ("Jeu de données", "Dataset"),
        "col shards": ("Fichiers", "Files"),
        "col complete": ("Lus jusqu'au bout", "Read to their end"),
        "col partial": ("En partie", "In part"),
        "col failed": ("Pas lus", "Not read"),
        "col documents": ("Pages lues", "Pages read"),
        "col finished_at": ("Publiée le", "Published on"),
        "col tool_version": ("Version", "Version"),
        "col table_digest": ("Empreinte des résultats", "Digest of the findings"),
        "col corpus_digest": ("Empreinte du corpus", "Digest of the corpus"),
        "col config_digest": ("Empreinte des réglages", "Digest of the settings"),
        "judged by": (
            "Les résultats ont été jugés ensemble le {at}, par la version {version} ; empreinte : {digest}.",
            "The findings were judged together on {at}, by version {version}; digest: {digest}.",
        ),
        "made by": (
            "Page établie par presswatch-spark {version}, avec {engine}. Elle ne demande rien au réseau.",
            "Page made by presswatch-spark {version}, with {engine}. It asks nothing of the network.",
        ),
        "check rows": (
            "Pour relire des lignes tirées au sort et refaire la comparaison : {command}.",
            "To read rows again, drawn at random, and repeat the comparison: {command}.",
        ),
    }
)
"""Phrases by name: French, then English."""
