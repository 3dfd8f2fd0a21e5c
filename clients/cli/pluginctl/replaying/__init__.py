"""Replaying a crash capsule: what to do (`script`), who answers the guest (`answers`), where (`private`).

`player.replay` does it; `verdict` says whether the failure came again.
"""
