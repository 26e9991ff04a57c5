"""What the inbox's scripts say, in the language of the page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

_WORDS: dict[str, Any] = {
    "offline": _("Not connected. What you write is kept; it goes on by itself."),
    "over": _("Your session has ended. What you wrote is kept on this computer."),
    "logIn": _("Log in again"),
    "failed": _("That did not arrive. Please try again: nothing is done twice."),
    "forbidden": _("You may not do that, or the page is too old: load it anew. What you wrote is kept."),
    "sent": _("Sent."),
    "undo": _("Undo"),
    "undone": _("Taken back. Your words are in the box again."),
    "scheduled": _("It goes at the time that you chose."),
    "segment": _("segment"),
    "segments": _("segments"),
    "tooLong": _("A text has 1,600 characters at most. Send it as an e-mail."),
    "unicode": _("These characters make each segment shorter (70 instead of 160):"),
    "plain": _("Use plain ones"),
    "typing": _("is typing …"),
    "viewing": _("is here too"),
    "meanwhile": _("Somebody answered while you were writing. Send yours all the same?"),
    "sendAnyway": _("Send it all the same"),
    "look": _("Look first"),
    "sending": _("Sending …"),
    "fileEmpty": _("it is empty."),
    "fileKind": _("carriers refuse files of this kind in a text. Pictures, sound, films and PDFs go."),
    "fileLarge": _("together the files would have more than {megabytes} MB."),
    "fileMany": _("at most {most} files go together."),
    "filesNot": _("A note takes no files."),
    "drop": _("Drop files here"),
    "take": _("Leave out"),
    "restored": _("Your draft of last time."),
    "newBelow": _("New messages below"),
    "unread": _("Unread from here"),
    "sure": _("Are you sure?"),
    "again": _("Try again"),
    "now": _("Try now"),
    "broken": _("This part could not be loaded: something went wrong on our side. Nothing of yours was lost."),
    "gone": _("It is not here, or you may not see it. Choose another one in the list."),
    "behind": _("New messages cannot be fetched just now. What you write is kept; it goes on by itself."),
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "blocked": _("It could not go: the reason stands under it."),
    "pasteLong": _("That is too long to be pasted: an e-mail has 200,000 characters at most. Attach it as a file."),
    "empty": _("Write something first."),
    "viewName": _("A name for this view"),
    "noMatch": _("Nobody of that name."),
    "newMessage": _("New message"),
}


def for_scripts() -> dict[str, str]:
    return {name: str(text) for name, text in _WORDS.items()}
