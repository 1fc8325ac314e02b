/** Text and bytes, also where the engine has no `TextEncoder`. */

export function encodeUtf8(text) {
  const bytes = [];
  for (const character of text) {
    let code = character.codePointAt(0);
    // A half of a pair that has no other half.
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) {
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    } else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63));
      bytes.push(0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return Uint8Array.from(bytes);
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function decodeUtf8(bytes) {
  const parts = [];
  let part = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    let more = 0;
    let code = first;
    let least = 0;
    if (first >= 0xf0 && first < 0xf8) [more, code, least] = [3, first & 7, 0x10000];
    else if (first >= 0xe0 && first < 0xf0) [more, code, least] = [2, first & 15, 0x800];
    else if (first >= 0xc0 && first < 0xe0) [more, code, least] = [1, first & 31, 0x80];
    else if (first >= 0x80) code = 0xfffd;
    at += 1;
    for (; more > 0; more -= 1, at += 1) {
      if ((bytes[at] & 0xc0) !== 0x80) {
        [code, least] = [0xfffd, 0];
        break;
      }
      code = (code << 6) | (bytes[at] & 63);
    }
    const valid = code >= least && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    part += String.fromCodePoint(valid ? code : 0xfffd);
    if (part.length > 4096) {
      parts.push(part);
      part = "";
    }
  }
  return parts.join("") + part;
}
