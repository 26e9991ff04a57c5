// How many SMS segments a text takes: the same rule as the carrier's, for the meter under the box.

const BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
  "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED = "\f^{}\\[~]|€";
const GSM = new Set(BASIC + EXTENDED);

/** `{ encoding, units, segments }` of a text. */
export function measure(text) {
  const characters = [...text];
  const gsm = characters.every((character) => GSM.has(character));
  const width = gsm ? (character) => (EXTENDED.includes(character) ? 2 : 1) : (character) => character.length;
  const [single, each] = gsm ? [160, 153] : [70, 67];
  let units = 0, parts = 1, filled = 0;
  for (const character of characters) {
    const size = width(character);
    units += size;
    if (filled + size > each) { parts += 1; filled = 0; }
    filled += size;
  }
  return { encoding: gsm ? "GSM-7" : "Unicode", units, segments: units <= single ? 1 : parts };
}
