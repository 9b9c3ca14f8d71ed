// Ids of each region's zones: `use1-az1`. From https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html
const codes: Readonly<Record<string, string>> = {
  'us-east-1': 'use1',
  'us-east-2': 'use2',
  'us-west-1': 'usw1',
  'us-west-2': 'usw2',
  'ca-central-1': 'cac1',
  'sa-east-1': 'sae1',
  'eu-west-1': 'euw1',
  'eu-west-2': 'euw2',
  'eu-west-3': 'euw3',
  'eu-central-1': 'euc1',
  'eu-central-2': 'euc2',
  'eu-north-1': 'eun1',
  'eu-south-1': 'eus1',
  'ap-south-1': 'aps1',
  'ap-southeast-1': 'apse1',
  'ap-southeast-2': 'apse2',
  'ap-northeast-1': 'apne1',
  'ap-northeast-2': 'apne2',
  'ap-northeast-3': 'apne3',
}
const counts: Readonly<Record<string, number>> = {
  'us-east-1': 6,
  'us-west-1': 2,
  'us-west-2': 4,
  'ap-northeast-2': 4,
}

export interface Zone {
  readonly name: string
  readonly id: string
}

/** Availability zones of a region; empty for a region the sandbox does not know. */
export function zonesOf(region: string): readonly Zone[] {
  const code = codes[region]
  if (code === undefined) return []
  return Array.from({ length: counts[region] ?? 3 }, (_, index) => ({
    name: `${region}${'abcdef'[index]}`,
    id: `${code}-az${index + 1}`,
  }))
}

export function isKnownRegion(region: string): boolean {
  return codes[region] !== undefined
}
