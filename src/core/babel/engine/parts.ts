import { Acquisition } from './acquisition.ts'
import { Costs } from './costs.ts'
import { Departed } from './departed.ts'
import { Doubts } from './doubts.ts'
import { FullQueues } from './full-queues.ts'
import { Hellos } from './hellos.ts'
import { Inquiries } from './inquiries.ts'
import { Levels } from './levels.ts'
import { Liveness } from './liveness.ts'
import { NeighbourWatch } from './neighbour-watch.ts'
import { Neighbours } from './neighbours.ts'
import { Reception } from './reception.ts'
import { Requests } from './requests.ts'
import { Routes } from './routes.ts'
import { Sources } from './sources.ts'
import { Updates } from './updates.ts'
import { UsedLans } from './used-lans.ts'
import type { World } from './world.ts'

/** All parts of the machine. */
export interface Parts {
  readonly levels: Levels
  readonly sources: Sources
  readonly routes: Routes
  readonly updates: Updates
  readonly requests: Requests
  readonly hellos: Hellos
  readonly acquisition: Acquisition
  readonly liveness: Liveness
  readonly usedLans: UsedLans
  readonly departed: Departed
  readonly neighbours: Neighbours
  readonly reception: Reception
  readonly costs: Costs
}

/** Makes them, and tells each whom its news concerns. */
export function assemble(world: World): Parts {
  const { output, table, timers, interfaces } = world
  const levels = new Levels()
  const departed = new Departed()
  const sources: Sources = new Sources(table, timers, (nowMs, entry) => routes.reselect(nowMs, entry))
  const updates: Updates = new Updates(
    world,
    sources,
    (nowMs, entry) => requests.consider(nowMs, entry),
    (nowMs, neighbour) => liveness.suspect(nowMs, neighbour, 'no answer'),
  )
  const requests = new Requests(world, updates)
  const routes = new Routes(world, {
    selected: (nowMs, entry) => {
      updates.consider(nowMs, entry)
      requests.consider(nowMs, entry)
    },
    ignored: (nowMs, route, metric) => requests.ignored(nowMs, route, metric),
    expiring: (_, { entry: { prefix, from }, neighbour: { iface, address } }) =>
      output.send(iface.name, address, [{ kind: 'route-request', prefix, from }]),
    localEnded: (_, { prefix, from }) => {
      // Of what is our own, nothing that others told was kept.
      for (const iface of interfaces.values())
        if (iface.neighbours.size > 0)
          output.send(iface.name, undefined, [{ kind: 'route-request', prefix, from }])
    },
    ownHeard: (nowMs, { seqno }) => requests.ownNumberHeard(nowMs, seqno),
  })
  const hellos = new Hellos(world, (nowMs, iface) => updates.greeted(nowMs, iface))
  const acquisition = new Acquisition(world, hellos, updates.acknowledgments)
  const queues = new FullQueues(world)
  const liveness: Liveness = new Liveness(world, updates.acknowledgments, queues, {
    silent: (nowMs, neighbour) => inquiries.silent(nowMs, neighbour),
    doubted: (nowMs, neighbour) => doubts.begin(nowMs, neighbour),
    trusted: (nowMs, neighbour) => doubts.end(nowMs, neighbour),
    dead: (nowMs, neighbour, cause) => neighbours.forget(nowMs, neighbour, cause),
  })
  const usedLans = new UsedLans(world, liveness)
  const doubts: Doubts = new Doubts(world, (nowMs, neighbour, isDoubted) =>
    neighbours.doubt(nowMs, neighbour, isDoubted),
  )
  const inquiries: Inquiries = new Inquiries(world, (nowMs, neighbour) =>
    liveness.suspect(nowMs, neighbour, 'no answer'),
  )
  const watch: NeighbourWatch = new NeighbourWatch(world, {
    costMayHaveChanged: (nowMs, neighbour) => neighbours.recompute(nowMs, neighbour, undefined),
    silent: (nowMs, neighbour) => liveness.suspect(nowMs, neighbour, 'hellos missed'),
    dead: (nowMs, neighbour) => neighbours.forget(nowMs, neighbour, 'hellos missed'),
    unheardThere: (nowMs, { iface }) => acquisition.begin(nowMs, iface),
  })
  const neighbours: Neighbours = new Neighbours(world, {
    ...{ routes, updates, requests, acquisition, liveness, usedLans, watch, departed, doubts },
  })
  const reception = new Reception(world, {
    ...{ neighbours, acquisition, liveness, queues, hellos, routes, updates, requests, inquiries },
  })
  const costs = new Costs(world, { levels, neighbours, hellos, updates })
  return {
    ...{ levels, sources, routes, updates, requests, hellos, acquisition, liveness, usedLans },
    ...{ departed, neighbours, reception, costs },
  }
}
