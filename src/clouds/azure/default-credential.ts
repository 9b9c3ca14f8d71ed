/** By itself, because it brings every way there is to sign in, and most of them are not needed. */
export { DefaultAzureCredential } from '@azure/identity'
