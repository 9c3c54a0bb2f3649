"""An alliance with a classification policy and a member that may assert its own people."""

ALLIANCE = """
alliance: {id: test-alliance, name: Test alliance, kind: exercise}
classification_policies:
  national:
    levels: {OPEN: {rank: 0}, SECRET: {rank: 1}}
    tags: {SAP: {kind: restrictive, values: [A, B]}}
members:
  arden:
    name: Arden
    kind: nation
    nodes: {arden-1: {place: 1}}
    assertions:
      roles: [analyst, watch-officer]
      tlp: AMBER
      nationalities: [arden]
      communities: [fusion]
      clearances: {national: {classification: OPEN}}
  borduria: {name: Borduria, kind: nation, nodes: {borduria-1: {place: 2}}}
readers:
  analyst: {member: arden, name: Analyst, roles: [analyst], tlp: RED}
  stranger: {member: borduria, name: Stranger, roles: [analyst], tlp: RED}
"""
