import { type FalseAlarms, measureFalseAlarms } from './false-alarms.ts'
import { type FloodResult, measureFlood } from './flood.ts'
import { type ForwardingResult, measureForwarding } from './forwarding.ts'
import { type GrowthResult, measureGrowth } from './growth.ts'
import { type IdleResult, measureIdle } from './idle.ts'
import { type LargeNetworkResult, measureLargeNetwork } from './large-network.ts'
import { type Leaving, measureLeaving } from './leaving.ts'
import { measureNewLinks, type NewLinkResult } from './link.ts'
import { type MapResult, measureMap } from './map/map.ts'
import { measureNetwork, type NetworkResult } from './network.ts'
import type { BenchOptions } from './options.ts'
import { measureOutages, type OutageResult } from './outage/outage.ts'
import { measurePackage, type PackageSize } from './package.ts'
import { measurePortMapping, type PortMappingResult } from './port-mapping.ts'
import type { Progress } from './progress.ts'
import { measurePunctuality, type PunctualResult } from './punctual.ts'
import { measureRegistry, type RegistryResult } from './registry.ts'
import { measureRegistryScale, type RegistryScaleResult } from './registry-scale.ts'
import { measureScale, type ScaleResult } from './scale.ts'
import { measureThroughput, type ThroughputResult } from './throughput.ts'
import { measureWholeNodes } from './whole-nodes.ts'
import type { WholeNodesOutcome } from './whole-nodes-run.ts'

/** What each section of the report is made of. */
export interface SectionResults {
  readonly network: readonly NetworkResult[]
  readonly link: readonly NewLinkResult[]
  readonly idle: readonly IdleResult[]
  readonly punctual: readonly PunctualResult[]
  readonly outage: readonly OutageResult[]
  readonly 'false-alarms': readonly FalseAlarms[]
  readonly leaving: readonly Leaving[]
  readonly growth: readonly GrowthResult[]
  readonly registry: RegistryResult
  readonly 'registry-scale': readonly RegistryScaleResult[]
  readonly streams: ThroughputResult
  readonly forwarding: readonly ForwardingResult[]
  readonly flood: readonly FloodResult[]
  readonly 'port-mapping': readonly PortMappingResult[]
  readonly scale: ScaleResult
  readonly 'large-network': LargeNetworkResult
  readonly 'whole-nodes': readonly WholeNodesOutcome[]
  readonly map: readonly MapResult[]
  readonly package: PackageSize
}

/** Name of a section. */
export type SectionName = keyof SectionResults

/** A result, and where and when it was measured. */
export interface Measured<Result> {
  readonly measuredOn: string
  readonly result: Result
}

/** What was measured so far, by section. */
export type Results = { readonly [Name in SectionName]?: Measured<SectionResults[Name]> }

async function oneByOne<Result>(
  helloSeconds: readonly number[],
  measure: (hello: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (const hello of helloSeconds) results.push(await measure(hello))
  return results
}

/** Measures each section. */
export const MEASURE: {
  readonly [Name in SectionName]: (
    options: BenchOptions,
    progress: Progress<SectionResults[Name]>,
  ) => Promise<SectionResults[Name]>
} = {
  network: () => oneByOne([15, 4, 1], measureNetwork),
  link: measureNewLinks,
  idle: measureIdle,
  punctual: measurePunctuality,
  outage: measureOutages,
  'false-alarms': measureFalseAlarms,
  leaving: measureLeaving,
  growth: measureGrowth,
  registry: measureRegistry,
  'registry-scale': measureRegistryScale,
  streams: measureThroughput,
  forwarding: measureForwarding,
  flood: measureFlood,
  'port-mapping': measurePortMapping,
  scale: measureScale,
  'large-network': measureLargeNetwork,
  'whole-nodes': measureWholeNodes,
  map: measureMap,
  package: measurePackage,
}
