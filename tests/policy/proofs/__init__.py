"""proofs: properties of the release decision, proved with z3 over an abstract model of it.

``model`` is the decision and the join over a small domain, ``properties`` what is proved of it,
``onward`` what is proved of passing on, ``symbols`` what both are stated with; ``test_proofs`` also
shows that each proof fails on a model that is broken, ``test_bridge`` that model and code say the
same. ``python -m tests.policy.proofs`` prints what is proved.
"""
