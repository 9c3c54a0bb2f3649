"""operations: what whoever runs one node needs: backup and restore, checks, logs, metrics, traces.

Nothing here shows or logs content; a backup holds it, encrypted only where it says so.
May touch: core, alliance, policy, trust, store, exchange, enrolment. `node` and `cli` use it.
"""
