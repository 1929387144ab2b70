"""corehr: a self-hosted core-HR system that serves the Feishu/Lark CoreHR Open API."""
