"""corehr: a self-hosted core-HR system that speaks the Feishu/Lark CoreHR Open API."""
