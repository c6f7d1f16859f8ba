/** Whether a mail can be sent there, as far as it can be seen; what is before the @ is the mail server's. */
export const isEmailAddress = (text: string): boolean =>
  text.length <= MAX_LENGTH && LOCAL_AT_DOMAIN.test(text)

/** RFC 5321, 4.5.3.1.3, without the angle brackets. */
const MAX_LENGTH = 254
/**
 * An atom of RFC 5322 before the @: what else is allowed there must be quoted, and is read in different ways (a comma
 * begins another address). Letters beyond ASCII only in the domain, which has another way to write them.
 */
const LOCAL_AT_DOMAIN = /^[\w.!#$%&'*+/=?^`{|}~-]+@[^\s\p{Cc}@,;:<>()[\]"\\]+$/u
