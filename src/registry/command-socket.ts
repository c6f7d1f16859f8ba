/** Where commands ask a registry that runs with this database: who may open the one may open the other. */
export const commandSocket = (database: string): string | undefined =>
  database === ':memory:' || /^postgres(ql)?:/.test(database) ? undefined : `${database}.socket`
