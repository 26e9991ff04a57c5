"""How mail programs say "wrote", "from" and "sent from my phone": a vocabulary by language, no rules."""

import re

_WROTE = (
    "wrote", "writes", "schrieb", "a écrit", "écrivait", "escribió", "escribio", "ha escrito", "ha scritto", "escreveu",
    "schreef", "skrev", "napsal", "napisał", "написал", "пишет", "написав", "kirjoitti", "έγραψε", "yazdı", "كتب",
    "كتبت", "تمت كتابة", "写道", "寫道", "のメール", "さんは書きました", "님이 작성", "כתב",
)  # fmt: skip
WROTE = re.compile("|".join(map(re.escape, _WROTE)), re.IGNORECASE)
TIME = re.compile(r"\d{1,2}\s?[:.h時点시]\s?\d{2}|\b(?:19|20)\d\d\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|[٠-٩]{2}")
_ADDRESS = re.compile(r"[^\s<>]@[^\s<>]")

_FROM = (
    "From", "Von", "De", "Da", "Van", "Från", "Fra", "Od", "От", "Від", "Από", "Kimden", "من", "差出人", "送信者",
    "发件人", "寄件者", "보낸 사람", "מאת", "Lähettäjä",
)  # fmt: skip
_OTHER = (
    "Sent", "To", "Subject", "Date", "Cc", "Gesendet", "An", "Betreff", "Datum", "Enviado", "Enviado el", "Enviado em",
    "Enviada em", "Enviada", "Para", "Asunto", "Assunto", "Fecha", "Data", "Envoyé", "À", "A", "Objet", "Inviato",
    "Oggetto", "Verzonden", "Aan", "Onderwerp", "Skickat", "Till", "Ämne", "Sendt", "Til", "Emne", "Odesláno", "Komu",
    "Předmět", "Wysłano", "Do", "Temat", "Отправлено", "Дата", "Кому", "Тема", "Копия", "Надіслано", "تم الإرسال",
    "تاريخ الإرسال", "إلى", "الموضوع", "送信日時", "日時", "宛先", "件名", "发送时间", "发送日期", "收件人", "主题",
    "抄送", "寄件日期", "收件者", "主旨", "보낸 날짜", "받는 사람", "제목", "Gönderilme", "Kime", "Konu",
    "Reply-To", "Organization",
)  # fmt: skip


def _labels(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"^[>*_\s]{{0,10}}(?:{'|'.join(map(re.escape, words))})\s?[*_]{{0,2}}\s?[:：]", re.IGNORECASE)


FROM_LABEL, OTHER_LABEL = _labels(_FROM), _labels(_OTHER)
RULE = re.compile(r"^(?:[_=*-]{5,}|[-_]+\s?\S[^\n]{0,60}\S\s?[-_]{2,})$")

_ORIGINAL = (
    "Original Message", "Original Mail", "Original message", "Ursprüngliche Nachricht", "Originalnachricht",
    "Mensaje original", "Message d'origine", "Message d’origine", "Message original", "Messaggio originale",
    "Mensagem original", "Oorspronkelijk bericht", "Исходное сообщение", "Оригинальное сообщение", "الرسالة الأصلية",
    "元のメッセージ", "Original-Nachricht", "原始邮件", "原始郵件", "원본 메시지", "Původní zpráva",
    "Ursprungligt meddelande", "Oprindelig meddelelse",
)  # fmt: skip
ORIGINAL_LINE = re.compile(rf"^-{{2,}}\s?(?:{'|'.join(map(re.escape, _ORIGINAL))})\s?-{{2,}}$", re.IGNORECASE)
_FORWARDED = (
    "Forwarded message", "Forwarded Message", "Begin forwarded message:", "Weitergeleitete Nachricht",
    "Anfang der weitergeleiteten Nachricht:", "Mensaje reenviado", "Inicio del mensaje reenviado:", "Message transféré",
    "Début du message transféré :", "Début du message réexpédié :", "Messaggio inoltrato",
    "Inizio messaggio inoltrato:",
    "Mensagem encaminhada", "Mensagem reencaminhada", "Início da mensagem reencaminhada:", "Пересылаемое сообщение",
    "Начало переадресованного сообщения:", "رسالة معاد توجيهها", "بداية الرسالة المعاد توجيهها:", "転送メッセージ",
    "転送されたメッセージ", "转发的邮件", "转发的消息", "轉寄的郵件", "Doorgestuurd bericht",
    "Vidarebefordrat meddelande",
)  # fmt: skip
FORWARD_LINE = re.compile(
    rf"^(?:[-_=]{{2,}}\s?(?:{'|'.join(map(re.escape, _FORWARDED))}).{{0,80}}|"
    rf"(?:{'|'.join(re.escape(word) for word in _FORWARDED if word.endswith(':'))}))$",
    re.IGNORECASE,
)
FORWARD_SUBJECT = re.compile(r"^\s*(?:fwd?|wg|tr|rv|i|enc|vs|пересл|转发|轉寄|転送)\s*[:：]", re.IGNORECASE)
MARKER = re.compile(
    r"^\W{0,20}(?:please\s+)?(?:type|write|reply|respond|answer)\b[^\n]{0,60}above this line\W{0,20}$", re.IGNORECASE
)

# What phones and web mail put under a mail by themselves. Whole lines, short ones.
SENT_FROM = re.compile(
    r"^(?:<?(?:"
    r"sent (?:from|with|via) .{1,80}|get outlook for .{1,80}|get the .{1,40} app.{0,40}|"
    r"sent from (?:my|yahoo|mail|outlook).{0,80}|"
    r"von meinem .{1,40} gesendet|(?:gesendet|diese nachricht wurde) (?:von|mit|mit der|aus) .{1,60}|"
    r"outlook für .{1,20} (?:beziehen|herunterladen).{0,60}|holen sie sich outlook.{0,60}|"
    r"enviado (?:desde|do|de|a partir d[oe]|con|com) .{1,60}|obtener outlook para .{1,60}|"
    r"obter o outlook para .{1,60}|"
    r"envoyé (?:de|depuis|à partir de|avec) .{1,60}|télécharger outlook pour .{1,60}|"
    r"inviato (?:da|dal|con) .{1,60}|scarica outlook per .{1,60}|"
    r"отправлено (?:с|из|от|мобильн).{1,60}|скачать outlook для .{1,60}|"
    r"verstuurd (?:vanaf|vanuit|met) .{1,60}|skickat från .{1,60}|sendt fra .{1,60}|wysłane? z .{1,60}|"
    r"odesláno z .{1,60}|.{1,30}から送信(?:されました)?|发自我的.{1,30}|发送自.{1,40}|从我的.{1,30}发送|傳送自.{1,30}|"
    r"أُ?رسلت? من .{1,60}|تم الإرسال من .{1,60}|내 .{1,30}에서 보냄|나의 .{1,30}에서 보냄"
    r")>?)$",
    re.IGNORECASE,
)
LIST_FOOTER = re.compile(r"^(?:[_-]{10,}|you received this message because|to unsubscribe from this)", re.IGNORECASE)


_ON_A_DAY = re.compile(r"^(?:on|am|le|el|il|em|op|den|dne|w dniu)\s+\S", re.IGNORECASE)


def is_attribution(text: str) -> bool:
    """Whether a line that ends with a colon announces a quote: it names a time or an address, or says "wrote"."""
    named, timed = bool(_ADDRESS.search(text)), bool(TIME.search(text))
    dated = timed or bool(_ON_A_DAY.match(text))
    return (named and timed) or (bool(WROTE.search(text)) and (named or dated)) or (named and text.count("<") == 1)
