import { COLOUR_MEANINGS, type ColourMeaning } from './colouring.ts'

/** What the network is shown as. */
export const MAP_VIEWS = ['graph', 'world', 'table'] as const
export type MapView = (typeof MAP_VIEWS)[number]

/** How one looks at the network. */
export interface MapLook {
  readonly view: MapView
  /** What colours and shapes say. */
  readonly meaning: ColourMeaning
}

/** Of a text that may be anything. */
export const mapViewOf = (text: string | undefined): MapView =>
  MAP_VIEWS.find((view) => view === text) ?? 'graph'

/** Of a text that may be anything. */
export const colourMeaningOf = (text: string | undefined): ColourMeaning =>
  COLOUR_MEANINGS.find((meaning) => meaning === text) ?? 'state'
