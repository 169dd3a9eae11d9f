/** Enough to recognise a value by. An error travels in the header of a response, which has 8 KiB for everything. */
const longestQuote = 200;

/** A text from outside, quoted for an error: of a long one the beginning. */
export function quoteStart(text: string): string {
  if (text.length <= longestQuote) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, longestQuote))}… (${text.length} characters)`;
}
