import { Failure } from "./failure.js";

/** JSON text of a value; nothing at all is `null`. */
export function toJson(value) {
  const text = JSON.stringify(value);
  return text === undefined ? "null" : text;
}

/** The value of JSON text; no text at all is `null`. */
export function fromJson(text) {
  return text === undefined || text === null || text === "" ? null : JSON.parse(text);
}

/** The input of a function, checked by what its author gave. */
export function readInput(text, parse) {
  try {
    const value = fromJson(text);
    return parse ? parse(value) : value;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const message = `the input is not as expected: ${error.message ?? error}`;
    throw Failure.permanent(Failure.INVALID_INPUT, message);
  }
}

/** The output of a function, or the failure that says what is wrong with it. */
export function writeOutput(value) {
  try {
    return toJson(value);
  } catch (error) {
    const message = `what the function returned is no JSON: ${error.message ?? error}`;
    throw Failure.permanent(Failure.INVALID_OUTPUT, message);
  }
}
