/** Which line of which source a line of a bundle comes from. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of one segment of a source map. */
export function vlq(text) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) === 0) {
      numbers.push(value & 1 ? -(value >> 1) : value >> 1);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}

/**
 * The files of interest, and for each line of the bundle the number of its file and its line there,
 * or 0 for what comes from elsewhere.
 */
export function lineTable(map, isOfInterest, name) {
  const files = [];
  const numbers = map.sources.map((source) => (isOfInterest(source) ? files.push(name(source)) - 1 : -1));
  let source = 0;
  let line = 0;
  const lines = map.mappings.split(";").map((segments) => {
    let found = 0;
    for (const segment of segments.split(",")) {
      const [, toSource, toLine] = vlq(segment);
      if (toSource === undefined) continue;
      source += toSource;
      line += toLine;
      if (found === 0 && numbers[source] >= 0) found = [numbers[source], line + 1];
    }
    return found;
  });
  return { files, lines };
}
