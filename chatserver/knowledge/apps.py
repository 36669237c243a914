from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "chatserver.knowledge"
    label = "knowledge"
