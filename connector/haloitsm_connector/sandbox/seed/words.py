"""Word lists from which names and sentences are put together; every company, person and place is fictional."""

from __future__ import annotations

COMPANY_FIRST = (
    "Alderwick", "Bramblesea", "Copperfen", "Dapplemoor", "Emberlow", "Fernquay", "Glimmerford", "Hollowmere",
    "Inkwell", "Juniperdale", "Kestrelby", "Lanternhill", "Mossbridge", "Nettlecombe", "Oakshimmer", "Pebblestow",
    "Quillhaven", "Rookwater", "Saffronby", "Thistledown", "Umberleigh", "Velvetmarsh", "Willowsend", "Yarrowgate",
)  # fmt: skip
COMPANY_SECOND = (
    "Bakery", "Boats", "Clockworks", "Dental", "Farms", "Galleries", "Homes", "Kites", "Legal", "Mills", "Orchards",
    "Pottery", "Puppets", "Railways", "Telescopes", "Textiles",
)  # fmt: skip
COMPANY_FORM = ("Ltd", "GmbH", "B.V.", "Inc", "LLP", "& Søn", "S.à r.l.")
FIRST_NAMES = (
    "Aisha", "Bartek", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Gwen", "Hiroshi", "Imani", "Jürgen", "Katarína", "Luca",
    "Maeve", "Niamh", "Ōkubo", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Vikram", "Wren", "Ximena", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Amberton", "Birchall", "Cravenfield", "D'Olivray", "Eastmarsh", "Falkenrath", "Greywater", "Hollins-Moore",
    "Isenbrook", "Jademan", "Kirkwillow", "Lindqvern", "Moonsley", "Nordwinter", "O'Thistle", "Pennymarsh", "Quickbeam",
    "Ravenscot", "Silverlake", "Tanglewood", "Underhay", "Västerbo", "Winterbourne", "Yellowfinch",
)  # fmt: skip
TOWNS = ("Ashport", "Brindleton", "Cloverholm", "Drymouth", "Eelsbury", "Foxhaven", "Gullspit", "Haverlow", "Nyskov")
STREETS = ("Station Road", "Mill Lane", "Harbour Street", "Church Walk", "Königsweg", "Rue du Four", "Canal Side")
SITE_NAMES = ("Head Office", "Warehouse", "Workshop", "North Branch", "Show Room", "Depot")
JOB_TITLES = ("Accountant", "Buyer", "Engineer", "Manager", "Receptionist", "Sales Executive", "Director", "Intern")

SYMPTOMS = (
    ("Laptop will not start", "Hardware>Laptop"),
    ("Screen flickers when docked", "Hardware>Monitor"),
    ("Printer prints blank pages", "Hardware>Printer"),
    ("Cannot connect to VPN", "Network>VPN"),
    ("Wi-Fi drops in the meeting room", "Network>Wireless"),
    ("E-mail stuck in outbox", "Software>E-mail"),
    ("Spreadsheet crashes on save", "Software>Office"),
    ("Password reset needed", "Access>Password"),
    ("New starter needs an account", "Access>Account"),
    ("Shared folder access request", "Access>Permissions"),
    ("Phone has no dial tone", "Telephony>Handset"),
    ("Backup job failed overnight", "Servers>Backup"),
)
DETAILS = (
    "It started this morning after an update.",
    "Restarting did not help.",
    "Several colleagues see the same.",
    "The error appears only in the afternoon.",
    "Please call before visiting.",
    "There is no hurry, but it is annoying.",
    "This stops us from invoicing.",
)
ODD_TEXTS = (
    "naïve café ☕ – “quoted” and ‘single’",
    "Straße, Ærø, Łódź, İstanbul, 東京, Москва, القاهرة, ไทย",
    "emoji 👩🏽‍💻🏴󠁧󠁢󠁳󠁣󠁴󠁿 with joiners",
    "right-to-left \u202eabc\u202c and zero\u200bwidth",
    "a NUL\u0000byte and a tab\tand a\r\nline break",
    "<b>tags</b> & entities &amp; {{ braces }} ${DOLLAR}",
    '\' OR 1=1 -- ; "quotes" \\ back\\slash',
)
NOTES = (
    "Called the user and left a message.",
    "Checked the event log; nothing unusual.",
    "Replaced the cable and tested.",
    "Waiting for the supplier to confirm a date.",
    "Reset the password and confirmed with the user.",
    "Installed the latest driver.",
    "Remote session held; settings corrected.",
    "User confirmed that everything works again.",
)
COLOURS = ("#2bd3c6", "#f2a65a", "#5b8def", "#d94f70", "#7bc47f", "#8e7cc3", "#b0b0b0")
