"""The words that go with a bag, in English and French: what it holds, and what it does not say."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from presswatch_spark.evidence.bag import Bag
from presswatch_spark.evidence.choosing import Chosen
from presswatch_spark.evidence.records import Kept
from presswatch_spark.evidence.verify_alone import shown
from presswatch_spark.version import __version__

ENGLISH, FRENCH = "README.txt", "LISEZ-MOI.txt"

_ENGLISH = """\
SEALED EVIDENCE
===============

What this is
------------
{claims} claims: pages in public datasets that hold words of press articles.
By letter: {letters}. Publishers: {publishers}. Datasets: {datasets}.
Made on {day} (UTC) by presswatch-spark {version}.

How it was made
---------------
1. Scans compared datasets with the publishers' articles, word by word (runs: {runs}).
2. Each row names the file, and the place in it, where its page is stored.
3. For this bag, each record was read again from there, and compared with its row.
   {read} records are as their rows say. {other} are not, or could not be read: each row says why.
4. All of it was sealed. The files in stamps/ are time-stamps of the seal by third parties.

How to check it
---------------
    python3 -I verify.py
    openssl ts -verify -in stamps/NAME.tsr -data seal.json -CAfile CERTIFICATE.pem
The first command needs no network and no other program. For the second one, get the certificate from
the authority, not from this bag. Any tool for BagIt (RFC 8493) checks the files, too.

Where to look
-------------
data/rows.jsonl      a line for each claim: its row, the judgement, and its record
data/records/        the records, byte by byte as the datasets store them
data/http/           every request that was made for them, with the head of its answer
data/protocol.json   the machine, its network and its clock
data/corpus/         the publishers, their mandates, and digests of their articles

What it does not say
--------------------
The page was captured by the dataset's publisher; this bag shows what he stored, and not the site itself.
A letter is a judgement by rules. C and D are no claims without a person's verdict.
Without a time-stamp, nothing but this machine's clock says when the seal was made.
"""

_FRENCH = """\
PREUVES SCELLÉES
================

Ce que c'est
------------
{claims} griefs : des pages de jeux de données publics qui contiennent des mots d'articles de presse.
Par lettre : {letters}. Éditeurs : {publishers}. Jeux de données : {datasets}.
Fait le {day} (UTC) par presswatch-spark {version}.

Comment cela a été fait
-----------------------
1. Des passages ont comparé les jeux de données aux articles des éditeurs, mot à mot ({runs}).
2. Chaque ligne nomme le fichier, et l'endroit du fichier, où sa page est conservée.
3. Pour ce dossier, chaque enregistrement y a été relu, puis comparé à sa ligne.
   {read} sont tels que leur ligne le dit. {other} ne le sont pas, ou n'ont pu être lus : la ligne dit
   pourquoi.
4. Le tout a été scellé. Les fichiers de stamps/ sont des horodatages du sceau par des tiers.

Comment le vérifier
-------------------
    python3 -I verify.py
    openssl ts -verify -in stamps/NOM.tsr -data seal.json -CAfile CERTIFICAT.pem
La première commande ne demande ni réseau ni autre programme. Pour la seconde, demandez le certificat
à l'autorité et ne le prenez pas ici. Tout outil BagIt (RFC 8493) vérifie aussi les fichiers.

Où regarder
-----------
data/rows.jsonl      une ligne par grief : les faits, l'appréciation, l'enregistrement
data/records/        les enregistrements, octet pour octet tels que les jeux de données les conservent
data/http/           chaque requête faite pour les lire, avec l'en-tête de sa réponse
data/protocol.json   la machine, son réseau et son horloge
data/corpus/         les éditeurs, leurs mandats, et les empreintes de leurs articles

Ce que cela ne dit pas
----------------------
La page a été relevée par celui qui publie le jeu de données : on voit ici ce qu'il conserve, et non le site.
Une lettre est une appréciation selon des règles. C et D ne sont pas des griefs sans l'avis d'une personne.
Sans horodatage, seule l'horloge de cette machine dit quand le sceau a été posé.
"""


def write_readme(bag: Bag, chosen: Chosen, kept: Mapping[str, Kept]) -> None:
    """Write what a reader has to know, in both languages, with the same numbers."""
    letters = Counter(str(claim["confidence"]) for claim in chosen.claims.values())
    right = sum(each.reason is None for each in kept.values())
    facts = {
        "claims": len(chosen.rows),
        "letters": ", ".join(f"{letter} {count}" for letter, count in sorted(letters.items())),
        "publishers": ", ".join(sorted({shown(str(row["publisher_id"])) for row in chosen.rows.values()})),
        "datasets": ", ".join(sorted({str(row["dataset"]) for row in chosen.rows.values()})),
        "runs": ", ".join(chosen.runs),
        "read": right,
        "other": len(kept) - right,
        "day": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        "version": __version__,
    }
    for name, words in ((ENGLISH, _ENGLISH), (FRENCH, _FRENCH)):
        bag.write(name, words.format_map(facts).encode())
