import { Re6stError } from '../core/errors.ts'
import { isAtTerminal, openTerminal } from '../platform/terminal.ts'

/** Asks the person at the terminal, if there is one. */
export interface Questions {
  /**
   * @param question what is asked for, e.g. `Your e-mail address`
   * @param option the option that answers it without a terminal
   * @param faultOf what is wrong with an answer, after which it is asked again; undefined: nothing is
   * @throws Re6stError `OPTION` without a terminal, or when the terminal is closed instead of answered
   */
  ask(question: string, option: string, faultOf?: (answer: string) => string | undefined): Promise<string>
}

/** Asks on standard output, reads standard input; repeats a question that was answered by an empty or a wrong line. */
export const terminalQuestions: Questions = {
  async ask(question, option, faultOf = () => undefined) {
    if (!isAtTerminal()) throw new Re6stError('OPTION', `no terminal to ask for ${question}: give ${option}`)
    using terminal = openTerminal(process.stdout)
    try {
      for (;;) {
        const answer = (await terminal.ask(`${question}: `)).trim()
        if (answer === '') continue
        const fault = faultOf(answer)
        if (fault === undefined) return answer
        process.stdout.write(`${fault}\n`)
      }
    } catch (error) {
      throw new Re6stError('OPTION', `no answer for ${question}: give ${option}`, { cause: error })
    }
  },
}
