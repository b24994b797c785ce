# vlbench on a CPU: `docker build -t vlbench . && docker run --rm -v "$PWD/runs:/work/runs" vlbench`
FROM python:3.11-slim
WORKDIR /src
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu
COPY . .
RUN pip install --no-cache-dir .
WORKDIR /work
ENV VLBENCH_CACHE=/work/runs/.cache
ENTRYPOINT ["vlbench"]
CMD ["run", "--method", "vldd", "--budget", "500"]
