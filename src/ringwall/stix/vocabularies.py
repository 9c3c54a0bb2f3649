"""The standard's names of things: object types, open vocabularies, closed enumerations.

Open vocabularies and enumerations: STIX 2.1, section 10. A value outside an open vocabulary is a
warning, a value outside an enumeration is refused.
"""

DOMAIN_TYPES = (
    "attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident",
    "indicator", "infrastructure", "intrusion-set", "location", "malware", "malware-analysis",
    "note", "observed-data", "opinion", "report", "threat-actor", "tool", "vulnerability",
)  # fmt: skip
RELATIONSHIP_TYPES = ("relationship", "sighting")
OBSERVABLE_TYPES = (
    "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message",
    "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software",
    "url", "user-account", "windows-registry-key", "x509-certificate",
)  # fmt: skip
META_TYPES = ("marking-definition", "language-content", "extension-definition")

ACCOUNT_TYPE = (
    "facebook", "ldap", "nis", "openid", "radius", "skype", "tacacs", "twitter", "unix",
    "windows-local", "windows-domain",
)  # fmt: skip
ATTACK_MOTIVATION = (
    "accidental", "coercion", "dominance", "ideology", "notoriety", "organizational-gain",
    "personal-gain", "personal-satisfaction", "revenge", "unpredictable",
)  # fmt: skip
ATTACK_RESOURCE_LEVEL = ("individual", "club", "contest", "team", "organization", "government")
GROUPING_CONTEXT = ("suspicious-activity", "malware-analysis", "unspecified")
HASH_ALGORITHM = (
    "MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH",
)  # fmt: skip
IDENTITY_CLASS = ("individual", "group", "system", "organization", "class", "unknown")
IMPLEMENTATION_LANGUAGE = (
    "applescript", "bash", "c", "c++", "c#", "go", "java", "javascript", "lua", "objective-c",
    "perl", "php", "powershell", "python", "ruby", "scala", "swift", "typescript", "visual-basic",
    "x86-32", "x86-64",
)  # fmt: skip
INDICATOR_TYPE = (
    "anomalous-activity", "anonymization", "benign", "compromised", "malicious-activity",
    "attribution", "unknown",
)  # fmt: skip
INDUSTRY_SECTOR = (
    "agriculture", "aerospace", "automotive", "chemical", "commercial", "communications",
    "construction", "defense", "education", "energy", "entertainment", "financial-services",
    "government", "emergency-services", "government-local", "government-national",
    "government-public-services", "government-regional", "healthcare", "hospitality-leisure",
    "infrastructure", "dams", "nuclear", "water", "insurance", "manufacturing", "mining",
    "non-profit", "pharmaceuticals", "retail", "technology", "telecommunications",
    "transportation", "utilities",
)  # fmt: skip
INFRASTRUCTURE_TYPE = (
    "amplification", "anonymization", "botnet", "command-and-control", "control-system",
    "exfiltration", "firewall", "hosting-malware", "hosting-target-lists", "phishing",
    "reconnaissance", "routers-switches", "staging", "workstation", "unknown",
)  # fmt: skip
MALWARE_CAPABILITY = (
    "accesses-remote-machines", "anti-debugging", "anti-disassembly", "anti-emulation",
    "anti-memory-forensics", "anti-sandbox", "anti-vm", "captures-input-peripherals",
    "captures-output-peripherals", "captures-system-state-data", "cleans-traces-of-infection",
    "commits-fraud", "communicates-with-c2", "compromises-data-availability",
    "compromises-data-integrity", "compromises-system-availability", "controls-local-machine",
    "degrades-security-software", "degrades-system-updates", "determines-c2-server", "emails-spam",
    "escalates-privileges", "evades-av", "exfiltrates-data", "fingerprints-host",
    "hides-artifacts", "hides-executing-code", "infects-files", "infects-remote-machines",
    "installs-other-components", "persists-after-system-reboot", "prevents-artifact-access",
    "prevents-artifact-deletion", "probes-network-environment", "self-modifies",
    "steals-authentication-credentials", "violates-system-operational-integrity",
)  # fmt: skip
MALWARE_RESULT = ("malicious", "suspicious", "benign", "unknown")
MALWARE_TYPE = (
    "adware", "backdoor", "bot", "bootkit", "ddos", "downloader", "dropper", "exploit-kit",
    "keylogger", "ransomware", "remote-access-trojan", "resource-exploitation",
    "rogue-security-software", "rootkit", "screen-capture", "spyware", "trojan", "unknown",
    "virus", "webshell", "wiper", "worm",
)  # fmt: skip
PATTERN_TYPE = ("stix", "pcre", "sigma", "snort", "suricata", "yara")
PROCESSOR_ARCHITECTURE = (
    "alpha", "arm", "ia-64", "mips", "powerpc", "sparc", "x86", "x86-64",
)  # fmt: skip
REGION = (
    "africa", "eastern-africa", "middle-africa", "northern-africa", "southern-africa",
    "western-africa", "americas", "latin-america-caribbean", "south-america", "caribbean",
    "central-america", "northern-america", "asia", "central-asia", "eastern-asia", "southern-asia",
    "south-eastern-asia", "western-asia", "europe", "eastern-europe", "northern-europe",
    "southern-europe", "western-europe", "oceania", "australia-new-zealand", "melanesia",
    "micronesia", "polynesia", "antarctica",
)  # fmt: skip
REPORT_TYPE = (
    "attack-pattern", "campaign", "identity", "indicator", "intrusion-set", "malware",
    "observed-data", "threat-actor", "threat-report", "tool", "vulnerability",
)  # fmt: skip
THREAT_ACTOR_ROLE = (
    "agent", "director", "independent", "infrastructure-architect", "infrastructure-operator",
    "malware-author", "sponsor",
)  # fmt: skip
THREAT_ACTOR_SOPHISTICATION = (
    "none", "minimal", "intermediate", "advanced", "expert", "innovator", "strategic",
)  # fmt: skip
THREAT_ACTOR_TYPE = (
    "activist", "competitor", "crime-syndicate", "criminal", "hacker", "insider-accidental",
    "insider-disgruntled", "nation-state", "sensationalist", "spy", "terrorist", "unknown",
)  # fmt: skip
TOOL_TYPE = (
    "denial-of-service", "exploitation", "information-gathering", "network-capture",
    "credential-exploitation", "remote-access", "vulnerability-scanning", "unknown",
)  # fmt: skip
WINDOWS_PEBINARY_TYPE = ("dll", "exe", "sys")

ENCRYPTION_ALGORITHM = ("AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated")
EXTENSION_TYPE = (
    "new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension",
)  # fmt: skip
OPINION = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")
SOCKET_ADDRESS_FAMILY = (
    "AF_UNSPEC", "AF_INET", "AF_IPX", "AF_APPLETALK", "AF_NETBIOS", "AF_INET6", "AF_IRDA",
    "AF_BTH",
)  # fmt: skip
SOCKET_TYPE = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET")
WINDOWS_INTEGRITY_LEVEL = ("low", "medium", "high", "system")
WINDOWS_REGISTRY_DATA_TYPE = (
    "REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN",
    "REG_DWORD_LITTLE_ENDIAN", "REG_LINK", "REG_MULTI_SZ", "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTION", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
    "REG_INVALID_TYPE",
)  # fmt: skip
WINDOWS_SERVICE_START_TYPE = (
    "SERVICE_AUTO_START", "SERVICE_BOOT_START", "SERVICE_DEMAND_START", "SERVICE_DISABLED",
    "SERVICE_SYSTEM_ALERT",
)  # fmt: skip
WINDOWS_SERVICE_STATUS = (
    "SERVICE_CONTINUE_PENDING", "SERVICE_PAUSE_PENDING", "SERVICE_PAUSED", "SERVICE_RUNNING",
    "SERVICE_START_PENDING", "SERVICE_STOP_PENDING", "SERVICE_STOPPED",
)  # fmt: skip
WINDOWS_SERVICE_TYPE = (
    "SERVICE_KERNEL_DRIVER", "SERVICE_FILE_SYSTEM_DRIVER", "SERVICE_WIN32_OWN_PROCESS",
    "SERVICE_WIN32_SHARE_PROCESS",
)  # fmt: skip
