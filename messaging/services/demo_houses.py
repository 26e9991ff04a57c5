"""The demo's two businesses as data: their people, and what was said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a told conversation; `kind` is in, out, lost (out, but it never came), note, mail_in or mail_out."""

    minutes_ago: int
    kind: str
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A client and what was said; `owner` is the place in the staff list of who looks after it."""

    first: str
    last: str
    phone: str
    email: str
    lines: tuple[Line, ...] = ()
    owner: int | None = None
    unread: bool = False
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    status: str = "open"


@dataclass(frozen=True, slots=True)
class House:
    """A demo business; `external_id` is how a second start knows it."""

    external_id: str
    name: str
    timezone: str
    sms: str
    email: str
    locations: tuple[tuple[str, str, str], ...]
    staff: tuple[tuple[str, str, str], ...]
    templates: tuple[tuple[str, str, str, str], ...]
    people: tuple[Person, ...]


LOTUS = House(
    external_id="demo-lotus",
    name="Lotus Day Spa",
    timezone="America/New_York",
    sms="+12125550160",
    email="hello@lotus.example",
    locations=(
        ("Lotus SoHo", "112 Greene Street, New York, NY 10012", "+12125550160"),
        ("Lotus Brooklyn", "88 Bergen Street, Brooklyn, NY 11201", "+17185550161"),
    ),
    staff=(
        ("Mei Tanaka", "owner", "available"),
        ("Daniel Ortiz", "manager", "available"),
        ("Priya Shah", "agent", "available"),
        ("Grace Lindqvist", "agent", "away"),
        ("Omar Haddad", "agent", "offline"),
    ),
    templates=(
        ("Reminder", "sms", "", "Hi {{ first_name }}, see you {{ day }} at {{ time }}. Reply C to change it. Lotus"),
        ("Late arrival", "sms", "", "No problem, {{ first_name }}: we keep your room for 15 minutes."),
        (
            "Welcome",
            "email",
            "Welcome to Lotus, {{ first_name }}",
            "Hi {{ first_name }},\n\nwe look forward to your first visit. Please come ten minutes early.\n\nLotus",
        ),
    ),
    people=(
        Person(
            "Ana",
            "Ruiz",
            "+14155550123",
            "ana.ruiz@example.com",
            (
                Line(2890, "out", "Hi Ana, your hot stone massage is on Friday at 3 pm with Mei. See you then!"),
                Line(2870, "in", "Perfect, thank you! Is there parking nearby?"),
                Line(2861, "out", "Yes: the garage on Mercer Street, we stamp your ticket for two hours."),
                Line(2858, "lost", "Ask for Sal at the gate, he knows our guests."),
                Line(2855, "note", "Prefers room 3, the quiet one. Nut allergy: no almond oil."),
                Line(24, "in", "Could I come at 3:30 instead? My train is late."),
            ),
            owner=2,
            unread=True,
            tags=("vip", "massage"),
        ),
        Person(
            "James",
            "Whitfield",
            "+14155550134",
            "james.whitfield@example.com",
            (
                Line(1480, "in", "Do you sell gift cards? It's for my wife's birthday."),
                Line(1471, "out", "We do! From $50 up, by e-mail or in a nice envelope at the desk."),
                Line(1466, "in", "By e-mail please, $150"),
                Line(
                    1420,
                    "mail_out",
                    "Hi James,\n\nhere is your gift card over $150. It is good for two years.\n\nLotus Day Spa",
                    "Your Lotus gift card",
                ),
                Line(1100, "mail_in", "Got it, it looks lovely. Thank you!\n\nJames", "Re: Your Lotus gift card"),
            ),
            owner=1,
            labels=("gift cards",),
        ),
        Person(
            "Chloe",
            "Nguyen",
            "+14155550145",
            "chloe.nguyen@example.com",
            (
                Line(310, "in", "Hey! Any facial slots left on Saturday?"),
                Line(95, "in", "Sunday would work too 🙂"),
            ),
            unread=True,
            labels=("booking",),
        ),
        Person(
            "Robert",
            "Keller",
            "+14155550156",
            "",
            (
                Line(9000, "out", "Lotus: 20% off all scrubs this week. Reply STOP to opt out."),
                Line(8990, "in", "STOP"),
            ),
            status="closed",
        ),
        Person("Sofia", "Marino", "+14155550167", "sofia.marino@example.com", tags=("facial",)),
        Person("Hannah", "Okafor", "+14155550178", "hannah.okafor@example.com", tags=("member",)),
    ),
)
HARBOR = House(
    external_id="demo-harbor",
    name="Harbor Physio",
    timezone="America/Los_Angeles",
    sms="+13105550190",
    email="desk@harbor.example",
    locations=(
        ("Harbor Clinic", "400 Harbor Drive, San Diego, CA 92101", "+13105550190"),
        ("Harbor Sports Lab", "15 Ocean Avenue, Santa Monica, CA 90401", "+13105550191"),
    ),
    staff=(
        ("Ingrid Solberg", "owner", "available"),
        ("Marcus Bell", "manager", "away"),
        ("Lucia Fernandez", "agent", "available"),
        ("Tom Becker", "agent", "offline"),
    ),
    templates=(
        ("Exercises", "sms", "", "{{ first_name }}, your exercises: {{ link }}. Twice a day, and stop where it hurts."),
        ("Insurance", "sms", "", "Hi {{ first_name }}, please bring your insurance card to your visit on {{ day }}."),
    ),
    people=(
        Person(
            "Leo",
            "Martins",
            "+14155550223",
            "leo.martins@example.com",
            (
                Line(4300, "out", "Hi Leo, how does the knee feel after Tuesday's session?"),
                Line(4210, "in", "Much better. Stairs still hurt a bit in the morning."),
                Line(4200, "out", "That is normal in week two. Ice it for ten minutes after the exercises."),
                Line(4190, "note", "Left knee, week 2 after surgery. Load up only after the check on the 14th."),
                Line(40, "in", "It is swollen again today. Should I still come at 5?"),
            ),
            owner=2,
            unread=True,
            tags=("knee", "surgery"),
            labels=("urgent",),
        ),
        Person(
            "Nina",
            "Petrova",
            "+14155550234",
            "nina.petrova@example.com",
            (
                Line(700, "in", "I need the invoice from May for my insurance."),
                Line(640, "out", "It is on its way to your e-mail, Nina."),
                Line(
                    630,
                    "mail_out",
                    "Dear Nina,\n\nplease find your invoice for May.\n\nHarbor Physio",
                    "Your invoice for May",
                ),
            ),
            owner=0,
            status="pending",
        ),
        Person(
            "Sam",
            "Carter",
            "+14155550245",
            "sam.carter@example.com",
            (
                Line(1600, "out", "Sam, a reminder: back training on Thursday at 8 am."),
                Line(1590, "in", "Thanks, I'll be there 👍"),
            ),
        ),
        Person("Yuki", "Mori", "+14155550256", "yuki.mori@example.com", tags=("shoulder",)),
        Person("Elena", "Rossi", "+14155550267", "elena.rossi@example.com"),
    ),
)
HOUSES = (LOTUS, HARBOR)
