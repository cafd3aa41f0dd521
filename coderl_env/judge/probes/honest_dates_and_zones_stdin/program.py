import datetime
import zoneinfo

moment = datetime.datetime(2024, 7, int(input()), tzinfo=datetime.timezone.utc)
print(moment.astimezone(zoneinfo.ZoneInfo('Europe/Paris')).isoformat(), moment.strftime('%A'))
