/** Where a load balancer is: AWS gives it a name, the others an address. */
export type GatewayAddress =
  | { readonly kind: 'ip'; readonly value: string }
  | { readonly kind: 'hostname'; readonly value: string }
