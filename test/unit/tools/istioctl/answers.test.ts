import { describe, expect, it } from 'vitest'
import {
  parseAnalysis,
  parseProxyStatus,
  parseRemoteClusters,
} from '../../../../src/tools/istioctl/answers.ts'

describe('istioctl remote-clusters', () => {
  it('is read by its columns, also where a cell is empty', () => {
    const table = [
      'NAME        SECRET                                          STATUS      ISTIOD                    REVISION',
      'aws-dev                                                     synced      istiod-1-31-0-6d-x2x      1-31-0',
      'gcp-dev     istio-system/istio-remote-secret-gcp-dev        timeout     istiod-1-31-0-6d-x2x      1-31-0',
      '',
    ].join('\n')
    expect(parseRemoteClusters(table)).toEqual([
      { name: 'aws-dev', secret: '', status: 'synced', istiod: 'istiod-1-31-0-6d-x2x' },
      {
        name: 'gcp-dev',
        secret: 'istio-system/istio-remote-secret-gcp-dev',
        status: 'timeout',
        istiod: 'istiod-1-31-0-6d-x2x',
      },
    ])
  })

  it('in another form is no answer', () => {
    expect(parseRemoteClusters('nothing of the kind\n')).toBeUndefined()
  })
})

describe('istioctl proxy-status', () => {
  const of = (id: string, configStatus: string) => ({
    '@type': 'type.googleapis.com/envoy.service.status.v3.ClientConfig',
    node: { id },
    genericXdsConfigs: [
      { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', configStatus: 'SYNCED' },
      { typeUrl: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', configStatus },
    ],
  })
  const document = (...resources: readonly object[]) =>
    JSON.stringify({ versionInfo: '1', resources }, undefined, 4)

  it('is one document an istiod', () => {
    const text = [
      document(of('router~10.1.1.2~istio-ingressgateway-1.istio-system~istio-system.svc', 'SYNCED')),
      document(of('sidecar~10.1.1.3~api-gateway-1.ml-platform~ml-platform.svc', 'STALE')),
    ].join('\n')
    expect(parseProxyStatus(`${text}\n`)).toEqual([
      { name: 'istio-ingressgateway-1.istio-system', behind: [] },
      { name: 'api-gateway-1.ml-platform', behind: ['RouteConfiguration STALE'] },
    ])
  })

  it('without proxies has none, and nothing is said where nobody answered', () => {
    expect(parseProxyStatus('{\n\n}\n')).toEqual([])
    expect(parseProxyStatus('')).toEqual([])
    expect(parseProxyStatus('Error: no running Istio pods')).toBeUndefined()
  })
})

describe('istioctl analyze', () => {
  it('tells messages by level', () => {
    const text = '[{"code":"IST0101","level":"Error","origin":"Gateway a/b","message":"no such selector"}]'
    expect(parseAnalysis(text)).toMatchObject([{ code: 'IST0101', level: 'Error', origin: 'Gateway a/b' }])
    expect(parseAnalysis('null')).toEqual([])
    expect(parseAnalysis('✔ No validation issues found')).toBeUndefined()
  })
})
