"""Marking definitions that everybody knows by their ids, with or without the definition at hand.

Sources: STIX 2.1 section 7.2.1.4 (TLP 1); the TLP 2.0 extension and the PAP extension, OASIS
common objects, whose instances are the only ones allowed; OpenCTI's own TLP:AMBER+STRICT.
"""

from ringwall.labels.label import Label, Pap, Tlp

TLP2_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PAP_EXTENSION = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"

TLP2_MARKINGS: dict[str, Tlp] = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
}
"""The fixed instances of the TLP 2.0 extension: what we write."""

TLP_MARKINGS: dict[str, Tlp] = {
    # TLP 1, whose WHITE is today's CLEAR.
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
    **TLP2_MARKINGS,
    # OpenCTI's AMBER+STRICT.
    "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": Tlp.AMBER_STRICT,
}
"""The id of every TLP marking definition in use, and what it means."""

PAP_MARKINGS: dict[str, Pap] = {
    "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92": Pap.CLEAR,
    "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9": Pap.GREEN,
    "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab": Pap.AMBER,
    "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e": Pap.RED,
    # PAP:WHITE, which is CLEAR since 2023.
    "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730": Pap.CLEAR,
}
"""The id of every fixed PAP marking definition, and what it means; CLEAR is written, not WHITE."""

FIXED_MARKINGS: dict[str, Label] = {
    **{ref: Label(tlp=level) for ref, level in TLP_MARKINGS.items()},
    **{ref: Label(pap=level) for ref, level in PAP_MARKINGS.items()},
}
"""All of them: constants that every reader has and nobody states."""
