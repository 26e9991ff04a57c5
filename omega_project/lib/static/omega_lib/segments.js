/* How a text is billed and cut, as messaging/segments.py counts it (3GPP TS 23.038): GSM-7 with its extension, or UCS-2. */
const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
    "abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENSION = new Set("^{}\\[]~|€\f");

/* Gives { count, encoding, forcedBy }. Iterating a string gives whole code points, as Python's does. */
export function countSegments(text) {
  const chars = [...text];
  const forcedBy = [...new Set(chars.filter((char) => !BASIC.has(char) && !EXTENSION.has(char)))];
  if (forcedBy.length) {
    return { count: parts(chars, (char) => char.length, 70, 67), encoding: "ucs2", forcedBy };
  }
  return { count: parts(chars, (char) => (EXTENSION.has(char) ? 2 : 1), 160, 153), encoding: "gsm7", forcedBy };
}

/* A character of two units never straddles two parts: what does not fit opens the next one. */
function parts(chars, units, single, part) {
  const sizes = chars.map(units);
  if (sizes.reduce((sum, size) => sum + size, 0) <= single) return 1;
  let count = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > part) {
      count += 1;
      used = 0;
    }
    used += size;
  }
  return count;
}
