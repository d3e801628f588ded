"""The classes that the network tells apart, and the tissues that the synthesis paints.

Classes are what a model answers; tissues are finer and carry one intensity each, left and right alike.
"""

from __future__ import annotations

CLASSES: tuple[str, ...] = (
    "air",
    "left_cerebral_white_matter", "right_cerebral_white_matter",
    "left_cerebral_grey_matter", "right_cerebral_grey_matter",
    "left_ventricle", "right_ventricle", "midline_ventricles",
    "left_caudate", "right_caudate",
    "left_putamen", "right_putamen",
    "left_thalamus", "right_thalamus",
    "left_hippocampus", "right_hippocampus",
    "left_cerebellar_grey_matter", "right_cerebellar_grey_matter",
    "left_cerebellar_white_matter", "right_cerebellar_white_matter",
    "left_other_brain", "right_other_brain",
    "brainstem",
    "csf_and_dura",
    "left_eye", "right_eye",
    "nose", "mouth", "chin",
    "left_ear", "right_ear",
    "skull",
    "soft_tissue",
)  # fmt: skip
"""Class name by value."""
VALUE = {name: value for value, name in enumerate(CLASSES)}

BRAIN = CLASSES[1 : VALUE["brainstem"] + 1]
"""Classes that are brain, ventricles included."""
INTRACRANIAL = (*BRAIN, "csf_and_dura")
"""Classes inside the skull."""
FACE = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_ear", "right_ear")
"""Classes that show who a person is."""

# Reported regions (Dice of PROTOCOLS.md A.1), left and right counted apart and averaged.
NINE = ("ventricle", "caudate", "putamen", "thalamus", "cerebral_white_matter", "cerebral_grey_matter", "brainstem",
        "cerebellar_grey_matter", "cerebellar_white_matter")  # fmt: skip


def mirrored(name: str) -> str:
    """Return the class on the other side; a class without sides is its own mirror.

    Examples
    --------
    >>> mirrored("left_ear"), mirrored("nose")
    ('right_ear', 'nose')
    """
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name[len(side) :]
    return name


MIRROR = tuple(VALUE[mirrored(name)] for name in CLASSES)
"""Value of the class on the other side, by value."""

# FreeSurfer and extra-cerebral label -> class; sides of unpaired labels and what lies outside the skull come later.
CLASS_OF_LABEL: dict[int, str] = {
    **dict.fromkeys((2, 25, 30), "left_cerebral_white_matter"),
    **dict.fromkeys((41, 57, 62), "right_cerebral_white_matter"),
    3: "left_cerebral_grey_matter", 42: "right_cerebral_grey_matter",
    **dict.fromkeys((4, 5, 31, 136, 137), "left_ventricle"), **dict.fromkeys((43, 44, 63, 163, 164), "right_ventricle"),
    **dict.fromkeys((14, 15, 72), "midline_ventricles"),
    11: "left_caudate", 50: "right_caudate", 12: "left_putamen", 51: "right_putamen",
    10: "left_thalamus", 49: "right_thalamus", 17: "left_hippocampus", 53: "right_hippocampus",
    8: "left_cerebellar_grey_matter", 47: "right_cerebellar_grey_matter",
    7: "left_cerebellar_white_matter", 46: "right_cerebellar_white_matter",
    **dict.fromkeys((13, 18, 26, 28), "left_other_brain"), **dict.fromkeys((52, 54, 58, 60), "right_other_brain"),
    16: "brainstem",
    **dict.fromkeys((24, 514, 502, 530, 85), "csf_and_dura"),
    506: "left_eye",
    515: "skull", 516: "skull",
    **dict.fromkeys((507, 508, 509, 511, 512), "soft_tissue"),
}  # fmt: skip

# Tissue -> labels; the order is the value in the cached files.
TISSUES: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "cerebral_white_matter": (2, 41),
    "cerebral_grey_matter": (3, 42),
    "ventricles": (4, 5, 14, 15, 43, 44, 72),
    "choroid": (31, 63, 136, 137, 163, 164),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "thalamus": (10, 49),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens": (26, 58),
    "pallidum": (13, 52),
    "ventral_diencephalon": (28, 60),
    "lesion": (25, 57, 30, 62),
    "brainstem": (16,),
    "cerebellar_grey_matter": (8, 47),
    "cerebellar_white_matter": (7, 46),
    "csf": (24,),
    "dura": (514,),
    "artery": (502,),
    "eye": (506,),
    "optic_nerve": (508, 530, 85),
    "nasal_cavity": (509,),
    "spinal_cord": (512,),
    "bone": (515,),
    "marrow": (516,),
    "soft_tissue": (507,),
    "skin": (511,),
    "fat": (),
}
"""``fat`` has no label: the synthesis draws it below the skin and around the eyes."""
TISSUE = {name: value for value, name in enumerate(TISSUES)}
