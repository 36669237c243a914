@echo off
rem The server on Windows: one web process and the background worker. See docs\deploy.md, "Windows".
rem What is started, and the checks before, are in chatserver\serving\windows.py.
setlocal
cd /d "%~dp0"
set "PYTHON=.venv\Scripts\python.exe"
if not exist "%PYTHON%" (
  echo Making .venv ...
  py -3 -m venv .venv 2>nul || python -m venv .venv
)
if not exist "%PYTHON%" (
  echo Python is missing: get Python 3.13 or newer from python.org. 1>&2
  exit /b 1
)
fc /b requirements.txt .venv\requirements.txt >nul 2>&1
if errorlevel 1 (
  echo Installing the packages ...
  "%PYTHON%" -m pip install --quiet --disable-pip-version-check -r requirements.txt || exit /b 1
  copy /y requirements.txt .venv\requirements.txt >nul
)
"%PYTHON%" -m chatserver.serving.windows run
exit /b %errorlevel%
