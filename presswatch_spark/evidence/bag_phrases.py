"""What the documents of a bag say, in French and English."""

from collections.abc import Mapping
from types import MappingProxyType

from presswatch_spark.claims.told_phrases import Phrases

CLAIMS_PDF: Phrases = MappingProxyType(
    {
        "title": ("Réclamations, côte à côte", "Claims, side by side"),
        "whole": ("{all} réclamations", "{all} claims"),
        "part": (
            "Partie {part} sur {parts} : réclamations {first} à {last}, sur {all}",
            "Part {part} of {parts}: claims {first} to {last} of {all}",
        ),
        "footer": ("Racine des réclamations : {root}", "Root of the claims: {root}"),
        "opening": (
            "Chaque réclamation porte sur une page qu'un jeu de données public conserve, et sur l'article de"
            " presse dont cette page contient des mots. Les faits viennent des lignes scellées ; la page est"
            " montrée telle que l'enregistrement joint la contient. Les mots repris sont surlignés.",
            "Each claim is about a page that a public dataset stores, and about the press article whose words"
            " this page holds. The facts come from the sealed rows; the page is shown as the enclosed record"
            " holds it. Copied words are marked.",
        ),
        "texts": (
            "Le texte de chaque article se trouve en entier dans data/corpus/texts/.",
            "The whole text of each article is in data/corpus/texts/.",
        ),
        "no texts": (
            "Les textes des articles ne sont pas joints : leurs empreintes les identifient.",
            "The texts of articles are not enclosed: their digests identify them.",
        ),
        "long": (
            "D'un texte long, seuls les mots repris et ce qui les entoure sont reproduits ici, et chaque"
            " omission est dite. La page entière est dans data/pages/, sous l'empreinte de la ligne.",
            "Of a long text, only the copied words and what surrounds them are shown here, and each omission"
            " is stated. The whole page is in data/pages/, under the digest of the row.",
        ),
        "signs": (
            "Entre ⟨ et ⟩ se trouvent les signes que les polices de ce document n'ont pas, par leur numéro"
            " Unicode ou leur nombre. Les signes invisibles sont montrés par un code, comme \\u200e.",
            "Between ⟨ and ⟩ stand signs that the fonts of this document lack, by their Unicode number or by"
            " how many they are. Signs that cannot be seen are shown by a code, such as \\u200e.",
        ),
        "attached": (
            "Les lignes scellées de ces réclamations sont jointes à ce PDF (rows.jsonl).",
            "The sealed rows of these claims are attached to this PDF (rows.jsonl).",
        ),
        "rows": ("Les lignes scellées de ces réclamations", "The sealed rows of these claims"),
        "letters": ("Ce que disent les lettres", "What the letters say"),
        "sources": ("Documents des éditeurs de modèles", "Documents of the publishers of models"),
    }
)
"""The PDF of all claims."""

README: Phrases = MappingProxyType(
    {
        "title": ("Preuves scellées", "Sealed evidence"),
        "subtitle": ("Établi le {moment}", "Made on {moment}"),
        "in brief": ("En bref", "In brief"),
        "what": (
            "Ce dossier porte sur {claims}. Chacune est une page qu'un jeu de données public conserve, et qui"
            " contient des mots d'un article de presse, ou se trouve à une adresse de presse.",
            "This bag is about {claims}. Each is a page that a public dataset stores, and that holds words of"
            " a press article, or stands at an address of the press.",
        ),
        "read": (
            "L'enregistrement de chaque ligne a été relu pour ce dossier : {read} lignes sur {all} le"
            " décrivent tel qu'il est.",
            "The record of each row was read again for this bag: {read} of {all} rows describe it as it is.",
        ),
        "read from place": (
            "à sa place, dans le fichier que sa ligne désigne : {count}",
            "at its place, in the file that its row names: {count}",
        ),
        "read from copy": (
            "dans une copie de ce fichier, à une autre adresse : {count}",
            "in a copy of this file, at another address: {count}",
        ),
        "read from disk": (
            "dans un fichier sur un disque, et non à une adresse publique : {count}",
            "in a file on a disk, and not at a public address: {count}",
        ),
        "none left out": (
            "Les autres sont au dossier, avec le motif. Aucun n'a été écarté :",
            "The others are in the bag, with the reason. None was left out:",
        ),
        "licensed": (
            "Écartées, car la page a une licence : {claims}.",
            "Left out, as the page has a licence: {claims}.",
        ),
        "letter": ("lettre", "letter"),
        "claims": ("réclamations", "claims"),
        "addresses": ("adresses", "addresses"),
        "pages": ("pages", "pages"),
        "captures": ("captures", "captures"),
        "records": ("enregistrements", "records"),
        "figures": (
            "Une réclamation est un article sur une page ; une page, une adresse dans une livraison ; une"
            " capture, une page à un moment ; un enregistrement, les octets d'une capture dans un fichier."
            " Chaque page compte une fois, avec sa lettre la plus forte.",
            "A claim is an article on a page; a page, an address in a release; a capture, a page at a time; a"
            " record, the bytes of a capture in one file. Each page counts once, with its strongest letter.",
        ),
        "articles": ("articles", "articles"),
        "hosts": ("sites", "hosts"),
        "total": ("en tout", "in all"),
        "unknown address": (
            "Les pages dont l'adresse n'est pas connue comptent par leur texte, et ni comme adresse, ni comme"
            " site. Lignes concernées : {count}.",
            "Pages whose address is not known count by their text, and neither as address nor as host. Rows"
            " concerned: {count}.",
        ),
        "one claim": ("{number} réclamation", "{number} claim"),
        "many claims": ("{number} réclamations", "{number} claims"),
        "who": ("Qui, quand, d'où", "Who, when, from where"),
        "account": ("Compte", "Account"),
        "host": ("Machine", "Machine"),
        "system": ("Système", "System"),
        "began": ("Lecture commencée", "Reading began"),
        "ended": ("Lecture finie", "Reading ended"),
        "command": ("Commande", "Command"),
        "program": ("Programme", "Program"),
        "commit": ("Version des sources", "Version of its source"),
        "machine addresses": ("Adresses de la machine", "Addresses of the machine"),
        "proxies": ("Relais (proxies)", "Proxies"),
        "none": ("néant", "none"),
        "not said": ("sans indication", "not said"),
        "servers": (
            "Sites interrogés. L'écart est celui de leur horloge avec celle de la machine.",
            "Sites that were asked. The last column is how far their clock is ahead of the machine's.",
        ),
        "no servers": (
            "Aucun site n'a été interrogé : les fichiers se trouvaient sur un disque de la machine.",
            "No site was asked: the files lay on a disk of the machine.",
        ),
        "server": ("site", "site"),
        "requests": ("demandes", "requests"),
        "answered": ("a répondu de", "answered from"),
        "clock": ("écart", "ahead"),
        "seconds": ("{number} s", "{number} s"),
        "sources": ("Ce qui a été examiné", "What was examined"),
        "runs": (
            "Les analyses qui ont trouvé ces pages. Un fichier qui n'a pas été lu jusqu'au bout ne prouve"
            " aucune absence.",
            "The scans that found these pages. A file that was not read to its end proves no absence.",
        ),
        "run": ("analyse", "scan"),
        "release": ("livraison", "release"),
        "no release": ("inconnue (format {format})", "not known (format {format})"),
        "scanned": ("date", "date"),
        "shards": ("fichiers lus jusqu'au bout", "files read to their end"),
        "of": ("{complete} sur {planned}", "{complete} of {planned}"),
        "corpus": ("Corpus (empreinte)", "Corpus (digest)"),
        "corpus size": ("Articles du corpus", "Articles in the corpus"),
        "corpus differs": (
            "Attention : une analyse au moins a été faite avec un autre corpus que celui-ci.",
            "Note that at least one scan was made with another corpus than this one.",
        ),
        "judged": ("Réclamations jugées au", "Claims judged as of"),
        "reviews": ("Avis de personnes", "Verdicts of persons"),
        "publishers": ("Éditeurs et mandats", "Publishers and mandates"),
        "publisher": ("éditeur", "publisher"),
        "mandate": ("mandat", "mandate"),
        "no mandate": ("aucun mandat connu", "no mandate that is known"),
        "from": ("du {day}", "from {day}"),
        "to": ("au {day}", "to {day}"),
        "document": ("acte {path}, SHA-256 {sha256}", "deed {path}, SHA-256 {sha256}"),
        "dated document": (
            "acte du {day} : {path}, SHA-256 {sha256}",
            "deed of {day}: {path}, SHA-256 {sha256}",
        ),
        "method": ("Comment un résultat est établi", "How a finding is made"),
        "letters": ("Ce que dit une lettre", "What a letter says"),
        "by rules": (
            "La lettre est un jugement par des règles publiées, les mêmes pour toutes les lignes. Elle ne"
            " juge que les faits : mandat et droits sont dits à part.",
            "The letter is a judgement by published rules, the same for all rows. It judges the facts alone:"
            " mandate and rights are told apart.",
        ),
        "check": ("Comment le vérifier", "How to check it"),
        "check own": (
            "Chacun peut vérifier ce dossier sans le programme qui l'a fait, ni son auteur.",
            "Anybody can check this bag without the program that made it, and without its author.",
        ),
        "draw": (
            "Le juge, le commissaire de justice ou la partie adverse peuvent faire relire des lignes tirées"
            " au sort par des mots qu'ils choisissent après le scellement ; ou n'en remettre qu'une, avec sa"
            " preuve :",
            "The judge, an officer of the court or the other side can have rows read again that are drawn by"
            " words which they choose after the sealing; or one claim is handed over alone, with its proof:",
        ),
        "where": ("Où regarder", "Where to look"),
        "limits": ("Ce que ce dossier ne dit pas", "What this bag does not say"),
        "seal": ("Le sceau", "The seal"),
        "claims root": ("Racine des réclamations", "Root of the claims"),
        "roots": (
            "Cette racine est celle des lignes et du corpus : qui scelle les mêmes réclamations, où et quand"
            " que ce soit, obtient la même. La racine du dossier couvre aussi ce document ; elle ne peut donc"
            " y figurer, et se trouve dans seal.json.",
            "This root is that of the rows and of the corpus: whoever seals the same claims, wherever and"
            " whenever, gets the same one. The root of the bag covers this document too. So it cannot stand"
            " in it: it is in seal.json.",
        ),
        "asked": ("Horodatage demandé à", "Time-stamps asked of"),
        "not asked": (
            "Aucun horodatage n'a été demandé quand le dossier a été fait. S'il y en a dans stamps/, ils ont"
            " été demandés ensuite.",
            "No time-stamp was asked for when the bag was made. If there are any in stamps/, they were asked"
            " for later.",
        ),
    }
)
"""LISEZ-MOI and README: single phrases."""

STEPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "method": (
            (
                "Le corpus réunit les articles que les éditeurs ont donnés, avec leurs dates.",
                "Chaque page d'un fichier du jeu de données est comparée aux articles, mot à mot. Majuscules,"
                " accents et ponctuation ne comptent pas. Un index ne sert qu'à choisir ce qui est comparé.",
                "Une ligne n'est écrite que si la comparaison retrouve les mêmes mots, dans le même ordre,"
                " des deux côtés. Elle dit combien, où, et dans quel enregistrement de quel fichier.",
                "Les réclamations confrontent ensuite chaque ligne aux autres pages connues, aux textes de"
                " référence, aux licences, aux mandats et aux avis de personnes. Elles ne peuvent"
                " qu'abaisser une lettre.",
                "Pour ce dossier, chaque enregistrement a été relu, comparé à sa ligne, et gardé tel qu'il"
                " est stocké, octet pour octet.",
                "Le tout a été scellé : un octet qui change ensuite donne une autre racine.",
            ),
            (
                "The corpus holds the articles that the publishers gave, with their dates.",
                "Each page of a file of the dataset is compared with the articles, word by word. Capitals,"
                " accents and punctuation do not count. An index only chooses the pairs to compare.",
                "A row is written only if the comparison finds the same words, in the same order, on both"
                " sides. It says how many, where, and in which record of which file.",
                "Claims then hold each row against the other pages that are known, texts of reference,"
                " licences, mandates, and verdicts of persons. They can only lower a letter.",
                "For this bag, each record was read again, compared with its row, and kept as it is stored,"
                " byte by byte.",
                "All of it was sealed: a byte that changes later gives another root.",
            ),
        ),
        "check": (
            (
                "Avec Python seul, sans réseau : chaque octet, chaque ligne, les deux racines.",
                "Avec tout outil BagIt (RFC 8493) : les empreintes de tous les fichiers.",
                "Avec OpenSSL : la date du sceau. Demandez le certificat à l'autorité, et non à ce dossier.",
                "Avec le programme lui-même : tout cela à la fois.",
            ),
            (
                "With Python alone, without a network: every byte, every row, both roots.",
                "With any tool for BagIt (RFC 8493): the digests of all files.",
                "With OpenSSL: the date of the seal. Get the certificate from the authority, not from this"
                " bag.",
                "With the program itself: all of this at once.",
            ),
        ),
        "limits": (
            (
                "La page a été enregistrée par celui qui publie le jeu de données. Ce dossier montre ce qu'il"
                " conserve, et non le site lui-même.",
                "Des mots communs ne disent pas qui les a pris à qui. Dates, autres sources et motifs sont"
                " donnés pour chaque réclamation.",
                "Une ligne C ne vaut pas réclamation sans l'avis d'une personne ; une ligne D ne le vaut"
                " jamais.",
                "Ce que des éditeurs de modèles disent de leurs données ne prouve ni qu'un modèle a lu un"
                " texte, ni une faute.",
                "Sans horodatage, seule l'horloge de la machine dit quand le sceau a été posé.",
                "Qui détient ce dossier peut le modifier et le sceller à nouveau. Les racines sont alors"
                " autres : comparez-les à celles qui ont été notées ou remises auparavant, ou fiez-vous à un"
                " horodatage.",
                "Les fichiers qui n'ont pas été lus jusqu'au bout peuvent contenir d'autres pages.",
            ),
            (
                "The page was recorded by the dataset's publisher. This bag shows what he stores, and not the"
                " site itself.",
                "Words in common do not say who took them from whom. Dates, other sources and reasons are"
                " given for each claim.",
                "A row of letter C is no claim without a person's verdict; one of letter D never is.",
                "What publishers of models say of their data proves neither that a model read a text, nor a"
                " wrong.",
                "Without a time-stamp, nothing but the machine's clock says when the seal was made.",
                "Whoever holds this bag can change it and seal it anew. Then its roots are others: compare"
                " them with those that were noted or handed over before, or rely on a time-stamp.",
                "Files that were not read to their end may hold other pages.",
            ),
        ),
    }
)
"""Lists: French, then English."""

PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "data/pages/": (
            "chaque réclamation, article et page côte à côte (HTML), et toutes en PDF",
            "each claim, article and page side by side (HTML), and all of them as PDF",
        ),
        "data/rows.jsonl": (
            "une ligne par réclamation : les faits, le jugement, l'enregistrement",
            "a line for each claim: its row, the judgement, and its record",
        ),
        "data/records/": (
            "les enregistrements, tels que les jeux de données les conservent",
            "the records, as the datasets store them",
        ),
        "data/http/": (
            "chaque demande faite pour les lire, avec l'en-tête de sa réponse",
            "every request that was made for them, with the head of its answer",
        ),
        "data/protocol.json": (
            "la machine, son réseau et son horloge",
            "the machine, its network, its clock",
        ),
        "data/corpus/": (
            "les éditeurs, leurs mandats, et les empreintes des articles",
            "the publishers, their mandates, and digests of the articles",
        ),
        "seal.json": ("le sceau", "the seal"),
        "stamps/": ("les horodatages du sceau par des tiers", "time-stamps of the seal by third parties"),
    }
)
"""Where to look in a bag."""

COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "check": (
            "python3 -I verify.py",
            "bagit.py --validate .",
            "openssl ts -verify -in stamps/NN-HOST.tsr -data seal.json -CAfile CA.pem",
            "presswatch evidence verify --ca CA.pem .",
        ),
        "draw": (
            'presswatch evidence challenge --seed "…" --sample 1000 .',
            "presswatch evidence disclose --row SHA256 --out PART .",
        ),
    }
)
"""What is typed in the folder of the bag."""
