"""The server that model-serving is measured against: the same model and protocol, written for speed.

    uvicorn fastapi_server:app --loop uvloop --http httptools --no-access-log --port N
"""
import os

import numpy
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
outputs = [output.name for output in session.get_outputs()]
app = FastAPI()


@app.post("/v2/models/digits/infer")
async def infer(request: Request):
    body = orjson.loads(await request.body())
    feeds = {
        tensor["name"]: numpy.array(tensor["data"], dtype=numpy.float32).reshape(tensor["shape"])
        for tensor in body["inputs"]
    }
    results = session.run(outputs, feeds)
    answer = {
        "model_name": "digits",
        "model_version": "1",
        "outputs": [
            {"name": name, "datatype": "FP32", "shape": result.shape, "data": result.ravel()}
            for name, result in zip(outputs, results)
        ],
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
