"""The clients' mailboxes: what each address received and wrote, in order, and the indices over it."""

from collections import deque
from itertools import islice

from sandbox.sendgrid.letter import Sent
from sandbox.sendgrid.mail import Attachment, Copy, Mail

MOST_ATTACHED_BYTES = 256 * 1024 * 1024

Item = Copy | Sent


class Mailboxes:
    """By address, in lower case; the oldest attachments' bytes go when more than the most are held."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._boxes: dict[str, list[Item]] = {}  # the most recently used at the end
        self._mails: dict[str, Mail] = {}
        self._sent: dict[str, Sent] = {}
        self._by_message_id: dict[str, Mail] = {}
        self._held: deque[Attachment] = deque()
        self._held_bytes = 0

    def receive(self, mail: Mail) -> None:
        """File an accepted mail with each of its recipients."""
        self._mails[mail.sid] = mail
        self._by_message_id[mail.message_id] = mail
        for copy in mail.copies:
            self._file(copy)
        self._hold(mail.attachments)

    def send(self, sent: Sent) -> None:
        """File a letter with the client who wrote it."""
        self._sent[sent.sid] = sent
        self._file(sent)
        self._hold(sent.files)

    def _file(self, item: Item) -> None:
        box = self._boxes.pop(item.address, [])
        box.append(item)
        self._boxes[item.address] = box

    def _hold(self, attachments: tuple[Attachment, ...]) -> None:
        self._held.extend(attachments)
        self._held_bytes += sum(attachment.size for attachment in attachments)
        while self._held_bytes > MOST_ATTACHED_BYTES and len(self._held) > 1:
            oldest = self._held.popleft()
            oldest.data = None
            self._held_bytes -= oldest.size

    def mail(self, name: str) -> Mail | None:
        """The mail with that id or Message-ID."""
        return self._mails.get(name) or self._by_message_id.get(name)

    def item(self, address: str, sid: str) -> Item | None:
        """One mail as it lies in one mailbox."""
        mail = self._mails.get(sid)
        if mail is not None:
            return mail.copy_of(address)
        sent = self._sent.get(sid)
        return sent if sent is not None and sent.address == address.lower() else None

    def attachments(self, sid: str) -> tuple[Attachment, ...]:
        """What a mail, of either direction, carries."""
        mail, sent = self._mails.get(sid), self._sent.get(sid)
        return mail.attachments if mail else sent.files if sent else ()

    def box(self, address: str, limit: int) -> list[Item]:
        """The last mails of one mailbox, newest first."""
        return list(islice(reversed(self._boxes.get(address.lower(), ())), limit))

    def latest(self, limit: int) -> list[Item]:
        """The last mail of each mailbox, most recent first."""
        return [box[-1] for box in islice(reversed(self._boxes.values()), limit)]

    def __len__(self) -> int:
        return len(self._boxes)
