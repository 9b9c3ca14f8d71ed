/** One thing of the platform that a cloud bills, and what it comes to. */
export interface CostLine {
  readonly root: 'foundation' | 'cluster'
  /** terraform address without `count` or `for_each` key, or with one where only that instance is meant. */
  readonly address: string
  /** How many instances that address has; the cost is theirs together. */
  readonly instances: number
  /** 'nodes general, m6i.large' */
  readonly what: string
  /** '2', '100 GiB' */
  readonly amount: string
  readonly cost: Cost
}

type Cost =
  | {
      readonly kind: 'monthly'
      readonly amount: number
      /** The same with every node that its pool may have; `amount` is with the fewest. */
      readonly most: number
      readonly currency: string
      /** Whose list: 'AWS Price List'. */
      readonly source: string
      /** Since when the list has that price, as a date; empty where it does not say. */
      readonly since: string
    }
  /** Nobody knows how much of it will be used: a rate, and in no sum. Null: the list does not name it. */
  | {
      readonly kind: 'by-use'
      readonly rate: { readonly amount: number; readonly currency: string } | null
      /** What the rate is for: 'GB a month'. */
      readonly per: string
    }
  /** It costs something, and what is not known: never zero. */
  | { readonly kind: 'unknown'; readonly why: string }
