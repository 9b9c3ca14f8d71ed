-- For wrk: sends the request in the file that BODY names.
local file = assert(io.open(os.getenv('BODY'), 'rb'))
wrk.method = 'POST'
wrk.body = file:read('*a')
wrk.headers['Content-Type'] = 'application/json'
