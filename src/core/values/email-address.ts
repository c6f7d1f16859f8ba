/** Whether a mail can be sent there, as far as it can be seen; what is before the @ is the mail server's. */
export const isEmailAddress = (text: string): boolean => /^[^\s@]+@[^\s@]+$/.test(text)
