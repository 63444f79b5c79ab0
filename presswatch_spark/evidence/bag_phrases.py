"""What the documents of a bag say, in French and English."""

from types import MappingProxyType

from presswatch_spark.claims.phrases import Phrases

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
