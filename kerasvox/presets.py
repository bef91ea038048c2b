"""The zoo: which presets there are. (More to come.)"""


def list_presets() -> list[str]:
    return []
