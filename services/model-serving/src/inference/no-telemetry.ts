// onnxruntime reports its use to its publisher unless told otherwise before its library is loaded, and keeps an id of the
// machine in the home folder. Worker threads read the process's own environment there, so the main thread says it too.
process.env['ORT_DISABLE_TELEMETRY'] = '1'
