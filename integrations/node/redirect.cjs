// Sends to Hamgate what a Node program would ask akismet.com, for programs that cannot be told another host:
//
//   NODE_OPTIONS="--require /path/to/redirect.cjs" HAMGATE_URL=http://127.0.0.1:8080 node server.js
//
// It works on http, https and fetch of that one process, and on no other host than akismet.com.
'use strict'

const http = require('node:http')
const https = require('node:https')
const { syncBuiltinESMExports } = require('node:module')
const { urlToHttpOptions } = require('node:url')

const HAMGATE = new URL(process.env.HAMGATE_URL || 'http://127.0.0.1:8080')
const PATIENCE_MS = 3000
const originals = { 'http:': http.request, 'https:': https.request, fetch: globalThis.fetch }

// Of a request's options, what belongs to the other host: its agent and its address.
const OF_THE_HOST = [
  'agent', '_defaultAgent', 'protocol', 'host', 'hostname', 'servername', 'port', 'defaultPort', 'path', 'href', 'uri'
]

// Where a request to `url` goes instead, or null. Some clients name the key before the host, and Hamgate takes it before
// the path.
function target (url) {
  const parts = /^(?:([0-9a-z]{12})\.)?(?:.*\.)?akismet\.com$/i.exec(url.hostname)
  if (!parts) return null
  const path = HAMGATE.pathname.replace(/\/$/, '') + (parts[1] ? `/${parts[1]}` : '') + url.pathname + url.search
  return new URL(path, HAMGATE)
}

function redirected (protocol) {
  return function request (first, ...rest) {
    const isUrl = typeof first === 'string' || first instanceof URL
    const more = isUrl && typeof rest[0] === 'object' ? rest[0] : {}
    const options = { ...(isUrl ? urlToHttpOptions(new URL(first)) : first), ...more }
    const host = options.hostname || String(options.host || '').split(':')[0]
    const to = /akismet\.com$/i.test(host) && target(new URL(options.path || '/', `${protocol}//${host}`))
    if (!to) return originals[protocol].call(this, first, ...rest)
    for (const name of OF_THE_HOST) delete options[name]
    const headers = Object.entries(options.headers || {}).filter(([name]) => name.toLowerCase() !== 'host')
    options.headers = Object.fromEntries(headers)
    const sent = originals[to.protocol](to, options, ...rest.filter(argument => typeof argument === 'function'))
    return sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('Hamgate does not answer')))
  }
}

http.request = redirected('http:')
https.request = redirected('https:')
for (const module of [http, https]) {
  module.get = (...rest) => {
    const sent = module.request(...rest)
    sent.end()
    return sent
  }
}
globalThis.fetch = async (input, init) => {
  const to = target(new URL(input instanceof Request ? input.url : input))
  if (!to) return originals.fetch(input, init)
  const request = input instanceof Request ? new Request(to, input) : to
  return originals.fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS), ...init })
}
syncBuiltinESMExports()
