/** Of an instance that was restored from another: from which. Written before the instance is. */
export const restoredFact = 'restored-from'
