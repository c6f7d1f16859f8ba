export const GATEWAYS = ['192.168.1.1', '192.168.1.2']

/** A kernel that keeps the routes in a map, and refuses a second one to the same address. */
export function fakeKernel(usable: (gateway: string) => boolean = () => true) {
  const routes = new Map<string, string>()
  return {
    routes,
    routeVia: async (address: string, gateway: string): Promise<AsyncDisposable> => {
      await Promise.resolve()
      if (!usable(gateway)) throw new Error('the gateway cannot be reached')
      if (routes.has(address)) throw new Error('there is a route already')
      routes.set(address, gateway)
      return {
        [Symbol.asyncDispose]: async () => {
          await Promise.resolve()
          routes.delete(address)
        },
      }
    },
  }
}
