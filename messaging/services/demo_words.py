"""What people in studios, spas and clinics are called and write about: the raw stuff of the bulk demo."""

import random

FIRST_NAMES = (
    "Ana", "James", "Chloe", "Robert", "Sofia", "Hannah", "Leo", "Nina", "Sam", "Yuki", "Elena", "Marcus", "Priya",
    "Omar", "Grace", "Daniel", "Mei", "Lucia", "Tom", "Ingrid", "Noah", "Emma", "Liam", "Olivia", "Mateo", "Amara",
    "Kofi", "Zara", "Ivan", "Freya", "Hugo", "Leila", "Arjun", "Clara", "Felix", "Maya", "Oscar", "Ruth", "Theo",
    "Vera", "Bruno", "Dalia", "Erik", "Fatima", "Gwen", "Hiro", "Iris", "Jonas", "Keira", "Luca", "Mona", "Nadia",
)  # fmt: skip
LAST_NAMES = (
    "Ruiz", "Whitfield", "Nguyen", "Keller", "Marino", "Okafor", "Martins", "Petrova", "Carter", "Mori", "Rossi",
    "Bell", "Shah", "Haddad", "Lindqvist", "Ortiz", "Tanaka", "Fernandez", "Becker", "Solberg", "Adeyemi", "Brown",
    "Chen", "Dubois", "Evans", "Fischer", "Garcia", "Hughes", "Ito", "Jensen", "Khan", "Lopez", "Murphy", "Novak",
    "O'Brien", "Park", "Quinn", "Rivera", "Schmidt", "Taylor", "Ueda", "Varga", "Walker", "Xu", "Young", "Zhang",
)  # fmt: skip
_SERVICES = (
    "massage", "facial", "reformer class", "yoga class", "check-up", "cleaning", "pedicure", "physio session",
    "consultation", "spin class", "acupuncture", "haircut", "laser treatment", "follow-up visit", "Pilates class",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "tomorrow", "next week", "the 14th")
_TIMES = ("8 am", "9:30", "10 am", "11:15", "noon", "1 pm", "2:30 pm", "3 pm", "4:45 pm", "5 pm", "6:30 pm", "7 pm")
_IN = (
    "Hi, can I book a {service} for {day} at {time}?",
    "Could I move my {service} to {day}? Something came up at work, sorry!",
    "Thanks, see you {day} at {time}",
    "Is there parking near the studio?",
    "Do you have anything earlier than {time} on {day}?",
    "I'm running ten minutes late, is that ok?",
    "Yes please",
    "Perfect, thank you so much! 🙏",
    "How much is a {service} for two people?",
    "My shoulder still hurts after the {service}. Should I come in before {day}?",
    "I think I left my scarf in the changing room after the {service}.",
    "Please cancel my {service} on {day}, I have a fever.",
    "Can I use my gift card for the {service}?",
    "Who is teaching the {service} on {day}?",
    "No",
    "Do you take my insurance for the {service}? I have the card with me on {day}.",
)
_OUT = (
    "Hi! Your {service} is confirmed for {day} at {time}. Reply C to change it.",
    "Of course. We have {time} or later on {day}, which one suits you?",
    "No problem at all, we moved your {service} to {day} at {time}.",
    "Reminder: your {service} is {day} at {time}. Please come ten minutes early.",
    "We are sorry to hear that. Get well soon! Just write when you would like to come.",
    "There is a garage around the corner, and we stamp your ticket for two hours.",
    "A {service} takes about an hour. Please bring comfortable clothes.",
    "Thank you for your visit! How was your {service}?",
    "Yes, we found it. It waits for you at the desk.",
    "The {service} on {day} is full, but you are first on the waiting list.",
    "Your invoice for the {service} is on its way to your e-mail.",
    "Happy birthday from all of us! Your next {service} is 20% off until {day}.",
)
_NOTES = (
    "Prefers {time} on {day}. Nut allergy: no almond oil at the {service}.",
    "Called about the {service}, left a message.",
    "Refund for the {service} on {day} agreed with the owner.",
    "Wants the same person for each {service}.",
)
_MAILS = (
    "Hello,\n\nI would like to know more about your {service}. Is {day} at {time} possible?\n\nKind regards",
    "Dear client,\n\nplease find all about your {service} on {day} below. We look forward to seeing you at {time}."
    "\n\nYour studio",
    "Thanks for the quick answer! {day} at {time} works for me.\n\nBest wishes",
)
# Area codes of the United States; the exchange 555 belongs to nobody's phone but directories and films.
_AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309,
    310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, 331, 334, 336, 337, 339, 347, 351, 352, 360,
    361, 386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 424, 425, 430, 432, 434,
)  # fmt: skip


def phone(number: int) -> str:
    """The phone of the `number`-th client: its own for the first 800,000, none of the sandbox's magic ones."""
    return f"+1{_AREAS[number % len(_AREAS)]}555{1000 + number // len(_AREAS) % 9000:04}"


def bodies(rng: random.Random) -> dict[str, list[str]]:
    """Texts to draw from, by kind: in, out, note, mail."""
    kinds = {"in": _IN, "out": _OUT, "note": _NOTES, "mail": _MAILS}
    return {kind: [_filled(rng, rng.choice(texts)) for _ in range(4000)] for kind, texts in kinds.items()}


def _filled(rng: random.Random, text: str) -> str:
    return text.format(service=rng.choice(_SERVICES), day=rng.choice(_DAYS), time=rng.choice(_TIMES))
