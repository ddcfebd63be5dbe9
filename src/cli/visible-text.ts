// What somebody else wrote, as it may be shown to a person: a terminal obeys control characters.

/** The text on one line, with U+FFFD in the place of each character that shows nothing or does something. */
export const visible = (text: string): string => text.replace(/\p{C}/gu, '\ufffd')

/** As visible, and its line breaks stay. */
export const visibleLines = (text: string): string => text.replace(/[^\P{C}\n]/gu, '\ufffd')
