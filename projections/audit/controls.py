"""The controls of published standards that audit rules answer."""

import msgspec


class Control(msgspec.Struct, frozen=True):
    """A control as its framework numbers it."""

    framework: str
    id: str
    title: str

    def __str__(self) -> str:
        return f"{self.framework} {self.id}: {self.title}"


_CIS = "CIS AWS Foundations 3.0.0"
_NIST = "NIST SP 800-53 Rev. 5"
_NIST_KEYS = "NIST SP 800-57 Part 1 Rev. 5"
_PCI = "PCI DSS 4.0.1"
_SOC2 = "SOC 2"
_ISO = "ISO/IEC 27001:2022"
_OWASP = "OWASP NHI Top 10 2025"
_ASVS = "OWASP ASVS 5.0.0"

CIS_UNUSED = Control(_CIS, "1.12", "Credentials unused for 45 days or greater are disabled")
CIS_ONE_ACTIVE_KEY = Control(_CIS, "1.13", "Only one active access key for any single IAM user")
CIS_ROTATION = Control(_CIS, "1.14", "Access keys are rotated every 90 days or less")

NIST_ACCOUNTS = Control(_NIST, "AC-2", "Account management")
NIST_DISABLE_ACCOUNTS = Control(_NIST, "AC-2(3)", "Disable accounts")
NIST_SHARED_ACCOUNTS = Control(_NIST, "AC-2(9)", "Restrictions on use of shared and group accounts")
NIST_ATYPICAL_USE = Control(_NIST, "AC-2(12)", "Account monitoring for atypical usage")
NIST_LOGGING = Control(_NIST, "AU-2", "Event logging")
NIST_REVIEW = Control(_NIST, "AU-6", "Audit record review, analysis, and reporting")
NIST_TIME_STAMPS = Control(_NIST, "AU-8", "Time stamps")
NIST_IDENTIFIERS = Control(_NIST, "IA-4", "Identifier management")
NIST_AUTHENTICATORS = Control(_NIST, "IA-5", "Authenticator management")
NIST_TERMINATION = Control(_NIST, "PS-4", "Personnel termination")
NIST_MONITORING = Control(_NIST, "SI-4", "System monitoring")

NIST_CRYPTOPERIODS = Control(_NIST_KEYS, "5.3", "Cryptoperiods")

PCI_SYSTEM_ACCOUNTS = Control(
    _PCI, "7.2.5", "Application and system accounts and their access privileges are assigned and managed"
)
PCI_ACCESS_REVIEW = Control(
    _PCI, "7.2.5.1", "All access by application and system accounts is reviewed periodically"
)
PCI_SHARED_IDS = Control(_PCI, "8.2.2", "Group, shared, or generic IDs are used only when necessary")
PCI_TERMINATED = Control(_PCI, "8.2.5", "Access for terminated users is immediately revoked")
PCI_INACTIVE = Control(_PCI, "8.2.6", "Inactive user accounts are removed or disabled within 90 days")
PCI_SYSTEM_CREDENTIALS = Control(
    _PCI, "8.6.3", "Passwords and passphrases of application and system accounts are changed periodically"
)
PCI_HARD_CODED = Control(
    _PCI, "8.6.2", "Passwords and passphrases of application and system accounts are not hard coded"
)
PCI_AUDIT_LOGS = Control(_PCI, "10.2.1", "Audit logs are enabled and active")
PCI_ANOMALIES = Control(
    _PCI, "10.4.3", "Exceptions and anomalies identified during the review process are addressed"
)
PCI_CLOCKS = Control(_PCI, "10.6.1", "System clocks and time are synchronized")

SOC2_LOGICAL_ACCESS = Control(_SOC2, "CC6.1", "Logical access security")
SOC2_REMOVAL = Control(_SOC2, "CC6.3", "Access is modified and removed when it is no longer needed")
SOC2_MONITORING = Control(_SOC2, "CC7.2", "Components are monitored for anomalies")

ISO_INVENTORY = Control(_ISO, "A.5.9", "Inventory of information and other associated assets")
ISO_IDENTITIES = Control(_ISO, "A.5.16", "Identity management")
ISO_AUTHENTICATION = Control(_ISO, "A.5.17", "Authentication information")
ISO_ACCESS_RIGHTS = Control(_ISO, "A.5.18", "Access rights")
ISO_AFTER_EMPLOYMENT = Control(_ISO, "A.6.5", "Responsibilities after termination or change of employment")
ISO_LEAKAGE = Control(_ISO, "A.8.12", "Data leakage prevention")
ISO_LOGGING = Control(_ISO, "A.8.15", "Logging")
ISO_MONITORING = Control(_ISO, "A.8.16", "Monitoring activities")
ISO_CLOCKS = Control(_ISO, "A.8.17", "Clock synchronization")

OWASP_OFFBOARDING = Control(_OWASP, "NHI1:2025", "Improper offboarding")
OWASP_LEAKAGE = Control(_OWASP, "NHI2:2025", "Secret leakage")
OWASP_LONG_LIVED = Control(_OWASP, "NHI7:2025", "Long-lived secrets")
OWASP_REUSE = Control(_OWASP, "NHI9:2025", "NHI reuse")

ASVS_EXPIRY = Control(_ASVS, "13.3.4", "Secrets are configured to expire and be rotated")
