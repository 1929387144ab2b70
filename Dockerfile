# The program in a small image:
#   docker build -t corehr .
#   docker run -p 127.0.0.1:8321:8321 -e COREHR_SANDBOX_TOKEN=… corehr
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/corehr \
    && /opt/corehr/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/corehr/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --create-home --home-dir /var/lib/corehr corehr
COPY --from=build /opt/corehr /opt/corehr
USER corehr
WORKDIR /var/lib/corehr
ENV PATH=/opt/corehr/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/healthz', timeout=2)"]
ENTRYPOINT ["corehr"]
# a sandbox that listens on every address needs a token: COREHR_SANDBOX_TOKEN
CMD ["demo", "--host", "0.0.0.0"]
