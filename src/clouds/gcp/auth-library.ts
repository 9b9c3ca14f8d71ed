/** What is used of Google's library: of CommonJS in the bundle, a dynamic import has the default export only. */
export { GoogleAuth, IdentityPoolClient, OAuth2Client, UserRefreshClient } from 'google-auth-library'
